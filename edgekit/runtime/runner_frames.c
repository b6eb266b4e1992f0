/*
 * runner_frames.c: the commands that follow frames through a model: describe, check, run, dump.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

/* ------------------------------------------------------------------------------ describe */

static void describe_operator(const edgekit_operator *step) {
  printf("{\"name\": ");
  json_string(step->name);
  printf(", \"kernel\": ");
  json_string(step->kernel);
  printf(", \"index\": %" PRIu32 ", \"macs\": %" PRIu64 ", \"outputs\": ", step->index, step->macs);
  json_tensors(step->outputs, step->output_count);
  putchar('}');
}

int command_describe(instance *self) {
  const edgekit_model *model = self->model;
  printf("{\"abi_version\": %" PRIu32 ", \"name\": ", model->abi_version);
  json_string(model->name);
  printf(", \"digest\": ");
  json_string(model->digest);
  printf(", \"target\": ");
  json_string(model->target);
  printf(", \"arena_bytes\": %zu, \"arena_alignment\": %zu, \"state_bytes\": %zu, \"inputs\": ",
         model->arena_bytes, model->arena_alignment, model->state_bytes);
  json_tensors(model->inputs, model->input_count);
  printf(", \"outputs\": ");
  json_tensors(model->outputs, model->output_count);
  printf(", \"operators\": [");
  for (uint32_t i = 0; i < model->operator_count; i++) {
    printf("%s", i == 0 ? "" : ", ");
    describe_operator(&model->operators[i]);
  }
  printf("]}");
  return json_end();
}

/* ------------------------------------------------------------------- a walk over the frames */

/* Does something with the frame whose outputs are in the arena. Returns 0 or an exit code. */
typedef int (*frame_action)(instance *self, long frame, void *context);

/* Invoke the model on every frame of a file. An empty file is an error: it would prove nothing. */
static int for_each_frame(instance *self, const char *path, edgekit_observer observer,
                          frame_action action, void *context, long *frames) {
  *frames = 0;
  if (frame_bytes(self->model->inputs, self->model->input_count) == 0) {
    fprintf(stderr, "edgekit-runner: the model has no inputs, so no file holds frames of it\n");
    return EXIT_USAGE;
  }
  FILE *file = open_file(path, "rb");
  if (file == NULL) {
    return EXIT_USAGE;
  }
  int status = 0;
  for (;;) {
    bool more = false;
    status = read_frame(file, path, self, &more);
    if (status != 0 || !more) {
      break;
    }
    status = instance_invoke(self, observer, context);
    if (status == 0) {
      status = instance_check_guards(self);
    }
    if (status == 0) {
      status = action(self, *frames, context);
    }
    if (status != 0) {
      break;
    }
    *frames += 1;
  }
  fclose(file);
  if (status == 0 && *frames == 0) {
    fprintf(stderr, "edgekit-runner: %s holds no frame\n", path);
    return EXIT_USAGE;
  }
  return status;
}

/* --------------------------------------------------------------------------------- check */

typedef struct comparison {
  FILE *expected_file;
  const char *expected_path;
  unsigned char *expected; /* one frame of outputs */
  uint64_t differing;
  long frame; /* the first difference, valid if differing > 0 */
  uint32_t output;
  size_t element;
  unsigned char expected_value[8];
  unsigned char actual_value[8];
} comparison;

static void note_difference(comparison *self, long frame, uint32_t output, size_t element,
                            const unsigned char *expected, const unsigned char *actual,
                            size_t bytes) {
  if (self->differing == 0) {
    self->frame = frame;
    self->output = output;
    self->element = element;
    memcpy(self->expected_value, expected, bytes);
    memcpy(self->actual_value, actual, bytes);
  }
  self->differing += 1;
}

static int compare_frame(instance *self, long frame, void *context) {
  comparison *compared = context;
  const edgekit_model *model = self->model;
  const size_t whole = frame_bytes(model->outputs, model->output_count);
  if (fread(compared->expected, 1, whole, compared->expected_file) != whole) {
    fprintf(stderr, "edgekit-runner: %s has no outputs for frame %ld\n", compared->expected_path,
            frame);
    return EXIT_USAGE;
  }
  const unsigned char *expected = compared->expected;
  for (uint32_t i = 0; i < model->output_count; i++) {
    const unsigned char *actual = edgekit_output(model, self->arena.bytes, i);
    const size_t each = type_bytes(model->outputs[i].type);
    const size_t bytes = model->outputs[i].bytes;
    for (size_t at = 0; each > 0 && at + each <= bytes; at += each) {
      if (memcmp(expected + at, actual + at, each) != 0) {
        note_difference(compared, frame, i, at / each, expected + at, actual + at, each);
      }
    }
    expected += bytes;
  }
  return 0;
}

static int print_comparison(const comparison *self, const edgekit_model *model, long frames) {
  printf("{\"frames\": %ld, \"equal\": %s, \"first_difference\": ", frames,
         self->differing == 0 ? "true" : "false");
  if (self->differing == 0) {
    printf("null");
  } else {
    const edgekit_type type = model->outputs[self->output].type;
    printf("{\"frame\": %ld, \"output\": %" PRIu32 ", \"element\": %zu, \"expected\": ",
           self->frame, self->output, self->element);
    json_element(type, self->expected_value);
    printf(", \"actual\": ");
    json_element(type, self->actual_value);
    putchar('}');
  }
  printf(", \"differing_elements\": %" PRIu64 "}", self->differing);
  const int status = json_end();
  return status != 0 ? status : self->differing == 0 ? EXIT_EQUAL : EXIT_DIFFERS;
}

/* An output of a type without a size would never be compared, and so never differ. */
static int check_output_types(const edgekit_model *model) {
  for (uint32_t i = 0; i < model->output_count; i++) {
    if (type_bytes(model->outputs[i].type) == 0) {
      fprintf(stderr, "edgekit-runner: output %" PRIu32 " has unknown type %d\n", i,
              (int)model->outputs[i].type);
      return EXIT_REFUSED;
    }
  }
  return 0;
}

static int check_against(instance *self, const char *inputs, comparison *compared) {
  long frames = 0;
  const int status = for_each_frame(self, inputs, NULL, compare_frame, compared, &frames);
  if (status != 0) {
    return status;
  }
  if (fgetc(compared->expected_file) != EOF) {
    fprintf(stderr, "edgekit-runner: %s has more than the %ld frames of %s\n",
            compared->expected_path, frames, inputs);
    return EXIT_USAGE;
  }
  return print_comparison(compared, self->model, frames);
}

int command_check(instance *self, const char *inputs, const char *outputs) {
  int status = check_output_types(self->model);
  if (status != 0) {
    return status;
  }
  const size_t whole = frame_bytes(self->model->outputs, self->model->output_count);
  comparison compared = {.expected_path = outputs};
  compared.expected_file = open_file(outputs, "rb");
  if (compared.expected_file == NULL) {
    return EXIT_USAGE;
  }
  compared.expected = malloc(whole + 1);
  if (compared.expected == NULL) {
    fprintf(stderr, "edgekit-runner: cannot allocate %zu bytes for the expected outputs\n", whole);
    status = EXIT_FAILED;
  } else {
    status = check_against(self, inputs, &compared);
  }
  free(compared.expected);
  fclose(compared.expected_file);
  return status;
}

/* ----------------------------------------------------------------------------------- run */

typedef struct sink {
  FILE *file;
  const char *path;
} sink;

static int save_frame(instance *self, long frame, void *context) {
  (void)frame;
  const sink *out = context;
  return write_outputs(out->file, out->path, self);
}

int command_run(instance *self, const char *inputs, const char *outputs) {
  sink out = {.file = open_file(outputs, "wb"), .path = outputs};
  if (out.file == NULL) {
    return EXIT_FAILED;
  }
  long frames = 0;
  const int status = for_each_frame(self, inputs, NULL, save_frame, &out, &frames);
  const int closed = close_written(out.file, outputs);
  if (status != 0 || closed != 0) {
    return status != 0 ? status : closed;
  }
  printf("{\"frames\": %ld}", frames);
  return json_end();
}

/* ---------------------------------------------------------------------------------- dump */

typedef struct dump {
  instance *self;
  const char *directory;
  long frame; /* the one being invoked */
  long only;  /* the one to write; negative for all */
  int status;
} dump;

static int write_tensor(const char *path, const void *bytes, size_t size) {
  FILE *file = open_file(path, "wb");
  if (file == NULL) {
    return EXIT_FAILED;
  }
  const bool written = fwrite(bytes, 1, size, file) == size;
  const int closed = close_written(file, path);
  return written ? closed : EXIT_FAILED;
}

static void dump_step(const dump *self, uint32_t step, int *status) {
  const edgekit_operator *done = &self->self->model->operators[step];
  for (uint32_t i = 0; i < done->output_count && *status == 0; i++) {
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s/%ld-%" PRIu32 "-%" PRIu32 ".bin",
                                self->directory, self->frame, step, i);
    if (length < 0 || (size_t)length >= sizeof path) {
      fprintf(stderr, "edgekit-runner: the name of %s is too long\n", self->directory);
      *status = EXIT_FAILED;
      return;
    }
    const edgekit_tensor *tensor = &done->outputs[i];
    *status = write_tensor(path, self->self->arena.bytes + tensor->arena_offset, tensor->bytes);
  }
}

/* Called before step `step`: what the step before it wrote is in the arena now. */
static void dump_observer(void *context, uint32_t step) {
  dump *self = context;
  const bool wanted = self->only < 0 || self->only == self->frame;
  if (wanted && step > 0 && self->status == 0) {
    dump_step(self, step - 1, &self->status);
  }
}

static int next_dump_frame(instance *self, long frame, void *context) {
  (void)self;
  dump *dumped = context;
  dumped->frame = frame + 1;
  return dumped->status;
}

int command_dump(instance *self, const char *inputs, const char *directory, long only) {
  dump dumped = {.self = self, .directory = directory, .only = only};
  long frames = 0;
  const int status =
      for_each_frame(self, inputs, dump_observer, next_dump_frame, &dumped, &frames);
  if (status != 0) {
    return status;
  }
  if (only >= frames) {
    fprintf(stderr, "edgekit-runner: there is no frame %ld among the %ld of %s\n", only, frames,
            inputs);
    return EXIT_USAGE;
  }
  printf("{\"frames\": %ld, \"steps\": %" PRIu32 "}", frames, self->model->operator_count);
  return json_end();
}
