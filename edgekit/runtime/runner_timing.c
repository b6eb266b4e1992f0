/*
 * runner_timing.c: the commands that measure: profile (nanoseconds), count (marks for an emulator).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runner.h"

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The first frame of a file, kept aside: invoking may overwrite the inputs in the arena. */
static unsigned char *load_first_frame(instance *self, const char *path, int *status) {
  const edgekit_model *model = self->model;
  FILE *file = open_file(path, "rb");
  if (file == NULL) {
    *status = EXIT_USAGE;
    return NULL;
  }
  bool more = false;
  *status = read_frame(file, path, self, &more);
  fclose(file);
  if (*status == 0 && !more) {
    fprintf(stderr, "edgekit-runner: %s holds no frame\n", path);
    *status = EXIT_USAGE;
  }
  if (*status != 0) {
    return NULL;
  }
  unsigned char *frame = malloc(frame_bytes(model->inputs, model->input_count) + 1);
  if (frame == NULL) {
    fprintf(stderr, "edgekit-runner: cannot allocate a frame of inputs\n");
    *status = EXIT_FAILED;
    return NULL;
  }
  unsigned char *at = frame;
  for (uint32_t i = 0; i < model->input_count; i++) {
    memcpy(at, edgekit_input(model, self->arena.bytes, i), model->inputs[i].bytes);
    at += model->inputs[i].bytes;
  }
  return frame;
}

static void feed(const instance *self, const unsigned char *frame) {
  for (uint32_t i = 0; i < self->model->input_count; i++) {
    memcpy(edgekit_input(self->model, self->arena.bytes, i), frame, self->model->inputs[i].bytes);
    frame += self->model->inputs[i].bytes;
  }
}

/* ------------------------------------------------------------------------------- profile */

static void stamp_observer(void *context, uint32_t step) {
  uint64_t *stamps = context;
  stamps[step] = now_ns();
}

/* `totals` has one number a run; `stamps` has operator_count + 1 a run. */
static int measure(instance *self, const unsigned char *frame, long warmup, long runs,
                   uint64_t *totals, uint64_t *stamps) {
  const size_t marks = (size_t)self->model->operator_count + 1;
  for (long run = -warmup; run < runs; run++) {
    /* The whole is timed without the observer, so that reading the clock is not part of it. */
    feed(self, frame);
    const uint64_t start = now_ns();
    int status = instance_invoke(self, NULL, NULL);
    const uint64_t end = now_ns();
    const long row = run < 0 ? 0 : run;
    totals[row] = end - start;
    if (status == 0) {
      feed(self, frame);
      status = instance_invoke(self, stamp_observer, stamps + (size_t)row * marks);
    }
    if (status != 0) {
      return status;
    }
  }
  return instance_check_guards(self);
}

static int print_profile(const instance *self, long runs, const uint64_t *totals,
                         const uint64_t *stamps) {
  const uint32_t steps = self->model->operator_count;
  const size_t marks = (size_t)steps + 1;
  printf("{\"runs\": %ld, \"total_ns\": [", runs);
  for (long run = 0; run < runs; run++) {
    printf("%s%" PRIu64, run == 0 ? "" : ", ", totals[run]);
  }
  printf("], \"steps\": [");
  for (uint32_t step = 0; step < steps; step++) {
    printf("%s{\"step\": %" PRIu32 ", \"ns\": [", step == 0 ? "" : ", ", step);
    for (long run = 0; run < runs; run++) {
      const uint64_t *row = stamps + (size_t)run * marks;
      printf("%s%" PRIu64, run == 0 ? "" : ", ", row[step + 1] - row[step]);
    }
    printf("]}");
  }
  printf("]}");
  return json_end();
}

int command_profile(instance *self, const char *inputs, long warmup, long runs) {
  int status = 0;
  unsigned char *frame = load_first_frame(self, inputs, &status);
  if (frame == NULL) {
    return status;
  }
  const size_t marks = (size_t)self->model->operator_count + 1;
  uint64_t *totals = calloc((size_t)runs, sizeof *totals);
  uint64_t *stamps = calloc((size_t)runs * marks, sizeof *stamps);
  if (totals == NULL || stamps == NULL) {
    fprintf(stderr, "edgekit-runner: cannot allocate the times of %ld runs\n", runs);
    status = EXIT_FAILED;
  } else {
    status = measure(self, frame, warmup, runs, totals, stamps);
    if (status == 0) {
      status = print_profile(self, runs, totals, stamps);
    }
  }
  free(stamps);
  free(totals);
  free(frame);
  return status;
}

/* --------------------------------------------------------------------------------- count */

/*
 * An emulator's instruction counter watches for calls of this function: one before every step and one
 * after the last. The volatile store keeps every call where it is.
 */
#if defined(__GNUC__)
__attribute__((noinline, used, visibility("default")))
#endif
void edgekit_step_mark(uint32_t step);

static volatile uint32_t last_mark;

void edgekit_step_mark(uint32_t step) { last_mark = step; }

static void mark_observer(void *context, uint32_t step) {
  (void)context;
  edgekit_step_mark(step);
}

int command_count(instance *self, const char *inputs, long runs) {
  int status = 0;
  unsigned char *frame = load_first_frame(self, inputs, &status);
  if (frame == NULL) {
    return status;
  }
  for (long run = 0; run < runs && status == 0; run++) {
    feed(self, frame);
    status = instance_invoke(self, mark_observer, NULL);
  }
  free(frame);
  if (status == 0) {
    status = instance_check_guards(self);
  }
  if (status != 0) {
    return status;
  }
  printf("{\"runs\": %ld, \"steps\": %" PRIu32 "}", runs, self->model->operator_count);
  return json_end();
}
