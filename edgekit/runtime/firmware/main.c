/* The program of an image that runs a model: inputs and outputs are files of the host that it is attached to.
 *
 *   edgekit-request      two words: how many frames, and from which one on steps' outputs are wanted (none: 0xffffffff)
 *   edgekit-inputs       every input of every frame, in order
 *   edgekit-outputs      written: every output of every frame
 *   edgekit-steps        written if asked for: every output of every step of these frames
 *   edgekit-description  written: what the model says about itself
 *   edgekit-answer       written last: an `answer`
 *
 * First the first frame runs twice to see what memory it uses, each time with another byte all over it; then the
 * frames run in sequence on fresh state. Compiled with the model's functions MODEL_INVOKE, MODEL_RESET and
 * MODEL_DESCRIBE, and with ARENA_BYTES and STATE_BYTES.
 */
#include "description.h"
#include "edgekit.h"
#include "semihosting.h"
#include "startup.h"

#define GUARD_BYTES 64u
#define STACK_PAINT 0x5aa5c33cu

enum { ALIGNMENT = 8, ANSWER_VERSION = 1, GUARD_PAINT = 0x6b };
enum { EXIT_USAGE = 2, EXIT_OVERRUN = 72, EXIT_MODEL_FAILED = 73 };

int MODEL_INVOKE(void *arena, void *state);
void MODEL_RESET(void *state);
const edgekit_model *MODEL_DESCRIBE(void);

/* What image_run.py reads; all are words. */
typedef struct answer {
  uint32_t version;
  uint32_t frames;       /* that ran to their end */
  uint32_t arena_bytes;  /* from its start to the last byte that was written */
  uint32_t state_bytes;
  uint32_t stack_bytes;  /* below the caller's frame */
  uint32_t repeats;      /* whether the answer was the same whatever the memory held */
} answer;

static uint8_t arena[GUARD_BYTES + ARENA_BYTES + GUARD_BYTES] __attribute__((aligned(ALIGNMENT)));
static uint8_t state[GUARD_BYTES + STATE_BYTES + GUARD_BYTES] __attribute__((aligned(ALIGNMENT)));
static int32_t steps_file = -1; /* open while steps' outputs are written */

static void write_or_stop(int32_t file, const void *data, size_t bytes) {
  if (!host_write(file, data, bytes)) {
    host_print("a file could not be written\n");
    host_exit(EXIT_USAGE);
  }
}

static int32_t open_or_stop(const char *name, uint32_t mode) {
  const int32_t file = host_open(name, mode);
  if (file < 0) {
    host_print(name);
    host_print(": cannot be opened\n");
    host_exit(EXIT_USAGE);
  }
  return file;
}

static void write_step(uint32_t step) {
  const edgekit_operator *done = &MODEL_DESCRIBE()->operators[step];
  for (uint32_t i = 0; i < done->output_count; i++)
    write_or_stop(steps_file, &arena[GUARD_BYTES + done->outputs[i].arena_offset], done->outputs[i].bytes);
}

/* Called by the model before each step and, with their number, after the last; with 0 by us before and after an
 * invocation. Instructions are counted from call to call. At a call with i the outputs of step i - 1 are in the arena.
 */
void edgekit_step_mark(uint32_t step);
__attribute__((noinline)) void edgekit_step_mark(uint32_t step) {
  __asm__ volatile("" ::"r"(step));
  if (steps_file >= 0 && step > 0)
    write_step(step - 1);
}

static void fill(uint8_t *bytes, size_t count, uint8_t value) {
  for (size_t i = 0; i < count; i++)
    bytes[i] = value;
}

/* How many of the bytes, counted from the first, end with the last that is no longer of this value. */
static uint32_t used_bytes(const uint8_t *bytes, uint32_t count, uint8_t value) {
  while (count > 0 && bytes[count - 1] == value)
    count--;
  return count;
}

static uint32_t larger(uint32_t a, uint32_t b) { return a > b ? a : b; }

static void read_inputs(int32_t file) {
  const edgekit_model *model = MODEL_DESCRIBE();
  for (uint32_t i = 0; i < model->input_count; i++) {
    if (!host_read(file, &arena[GUARD_BYTES + model->inputs[i].arena_offset], model->inputs[i].bytes)) {
      host_print("the inputs are no whole frames\n");
      host_exit(EXIT_USAGE);
    }
  }
}

/* FNV-1a over all outputs. */
static uint32_t hash_outputs(void) {
  const edgekit_model *model = MODEL_DESCRIBE();
  uint32_t hash = 2166136261u;
  for (uint32_t i = 0; i < model->output_count; i++) {
    for (size_t byte = 0; byte < model->outputs[i].bytes; byte++)
      hash = (hash ^ arena[GUARD_BYTES + model->outputs[i].arena_offset + byte]) * 16777619u;
  }
  return hash;
}

static void stop_if_overrun(const char *name, const uint8_t *memory, size_t bytes) {
  for (uint32_t i = 0; i < GUARD_BYTES; i++) {
    if (memory[i] != GUARD_PAINT || memory[GUARD_BYTES + bytes + i] != GUARD_PAINT) {
      host_print("the model wrote outside its ");
      host_print(name);
      host_print("\n");
      host_exit(EXIT_OVERRUN);
    }
  }
}

/* Paints the stack below its caller's frame, and returns where that ends. In assembly, since a compiler may want a frame
 * for such a loop, which would be painted over.
 */
__attribute__((noinline)) static uint32_t *paint_stack(void) {
  uint32_t *top, *word = image_stack_begin;
#if defined(__riscv)
  __asm__ volatile(
      "mv %0, sp\n"
      "1: bgeu %1, %0, 2f\n"
      "sw %2, 0(%1)\n"
      "addi %1, %1, 4\n"
      "j 1b\n"
      "2:"
      : "=&r"(top), "+&r"(word)
      : "r"(STACK_PAINT)
      : "memory");
#else
  __asm__ volatile(
      ".syntax unified\n"
      "mov %0, sp\n"
      "1: cmp %1, %0\n"
      "bhs 2f\n"
      "str %2, [%1]\n"
      "adds %1, #4\n"
      "b 1b\n"
      "2:"
      : "=&l"(top), "+&l"(word)
      : "l"(STACK_PAINT)
      : "cc", "memory");
#endif
  return top;
}

/* Runs the model once and returns the bytes of stack that this took. */
__attribute__((noinline)) static uint32_t invoke(void) {
  const uint32_t *const top = paint_stack();
  edgekit_step_mark(0);
  const int result = MODEL_INVOKE(arena + GUARD_BYTES, state + GUARD_BYTES);
  edgekit_step_mark(0);
  if (result != 0) {
    host_print("the model returned an error\n");
    host_exit(EXIT_MODEL_FAILED);
  }
  const volatile uint32_t *word = image_stack_begin;
  while (word < top && *word == STACK_PAINT)
    word++;
  return (uint32_t)((uintptr_t)top - (uintptr_t)word);
}

static answer measure_memory(void) {
  answer found = {.version = ANSWER_VERSION};
  uint32_t hashes[2];
  for (uint32_t i = 0; i < 2; i++) {
    const uint8_t paint = i == 0 ? 0x5a : 0xa5;
    fill(arena + GUARD_BYTES, ARENA_BYTES, paint);
    fill(state + GUARD_BYTES, STATE_BYTES, paint);
    const int32_t inputs = open_or_stop("edgekit-inputs", HOST_READ);
    read_inputs(inputs);
    host_close(inputs);
    MODEL_RESET(state + GUARD_BYTES);
    found.stack_bytes = larger(found.stack_bytes, invoke());
    found.arena_bytes = larger(found.arena_bytes, used_bytes(arena + GUARD_BYTES, ARENA_BYTES, paint));
    found.state_bytes = larger(found.state_bytes, used_bytes(state + GUARD_BYTES, STATE_BYTES, paint));
    hashes[i] = hash_outputs();
  }
  found.repeats = hashes[0] == hashes[1];
  return found;
}

static void run_frames(uint32_t frames, uint32_t wanted) {
  const edgekit_model *model = MODEL_DESCRIBE();
  const int32_t inputs = open_or_stop("edgekit-inputs", HOST_READ);
  const int32_t outputs = open_or_stop("edgekit-outputs", HOST_WRITE);
  MODEL_RESET(state + GUARD_BYTES);
  for (uint32_t frame = 0; frame < frames; frame++) {
    read_inputs(inputs);
    if (frame == wanted)
      steps_file = open_or_stop("edgekit-steps", HOST_WRITE);
    (void)invoke();
    for (uint32_t i = 0; i < model->output_count; i++)
      write_or_stop(outputs, &arena[GUARD_BYTES + model->outputs[i].arena_offset], model->outputs[i].bytes);
  }
  host_close(inputs);
  host_close(outputs);
  if (steps_file >= 0)
    host_close(steps_file);
}

int main(void) {
  uint32_t request[2];
  const int32_t asked = open_or_stop("edgekit-request", HOST_READ);
  if (!host_read(asked, request, sizeof request)) {
    host_print("edgekit-request is too short\n");
    return EXIT_USAGE;
  }
  host_close(asked);
  fill(arena, sizeof arena, GUARD_PAINT);
  fill(state, sizeof state, GUARD_PAINT);
  answer found = measure_memory();
  run_frames(request[0], request[1]);
  stop_if_overrun("arena", arena, ARENA_BYTES);
  stop_if_overrun("state", state, STATE_BYTES);
  found.frames = request[0];
  const int32_t description = open_or_stop("edgekit-description", HOST_WRITE);
  if (!write_description(description, MODEL_DESCRIBE()))
    return EXIT_USAGE;
  host_close(description);
  const int32_t file = open_or_stop("edgekit-answer", HOST_WRITE);
  write_or_stop(file, &found, sizeof found);
  host_close(file);
  return 0;
}
