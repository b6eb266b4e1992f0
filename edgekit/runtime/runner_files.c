/*
 * runner_files.c: frames of raw little-endian tensors, from a file to the arena and back.
 */
#include <errno.h>
#include <string.h>

#include "runner.h"

static const struct {
  edgekit_type type;
  size_t bytes;
  const char *name;
} TYPES[] = {
    {EDGEKIT_INT8, 1, "int8"},   {EDGEKIT_UINT8, 1, "uint8"}, {EDGEKIT_INT16, 2, "int16"},
    {EDGEKIT_INT32, 4, "int32"}, {EDGEKIT_INT64, 8, "int64"}, {EDGEKIT_FLOAT32, 4, "float32"},
    {EDGEKIT_BOOL, 1, "bool"},
};

size_t type_bytes(edgekit_type type) {
  for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
    if (TYPES[i].type == type) {
      return TYPES[i].bytes;
    }
  }
  return 0;
}

const char *type_name(edgekit_type type) {
  for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
    if (TYPES[i].type == type) {
      return TYPES[i].name;
    }
  }
  return "unknown";
}

size_t frame_bytes(const edgekit_tensor *tensors, uint32_t count) {
  size_t sum = 0;
  for (uint32_t i = 0; i < count; i++) {
    sum += tensors[i].bytes;
  }
  return sum;
}

FILE *open_file(const char *path, const char *mode) {
  FILE *file = fopen(path, mode);
  if (file == NULL) {
    fprintf(stderr, "edgekit-runner: cannot open %s: %s\n", path, strerror(errno));
  }
  return file;
}

int close_written(FILE *file, const char *path) {
  if (fclose(file) != 0) {
    fprintf(stderr, "edgekit-runner: cannot write %s: %s\n", path, strerror(errno));
    return EXIT_FAILED;
  }
  return 0;
}

int read_frame(FILE *file, const char *path, const instance *self, bool *more) {
  const edgekit_model *model = self->model;
  size_t frame_read = 0;
  *more = true;
  for (uint32_t i = 0; i < model->input_count; i++) {
    const size_t wanted = model->inputs[i].bytes;
    const size_t got = fread(edgekit_input(model, self->arena.bytes, i), 1, wanted, file);
    frame_read += got;
    if (ferror(file)) {
      fprintf(stderr, "edgekit-runner: cannot read %s: %s\n", path, strerror(errno));
      return EXIT_FAILED;
    }
    if (got < wanted) {
      break;
    }
  }
  const size_t whole = frame_bytes(model->inputs, model->input_count);
  if (frame_read == whole) {
    return 0;
  }
  *more = false;
  if (frame_read == 0) {
    return 0;
  }
  fprintf(stderr,
          "edgekit-runner: %s ends inside a frame: its last one has %zu bytes, the model's inputs "
          "take %zu\n",
          path, frame_read, whole);
  return EXIT_USAGE;
}

int write_outputs(FILE *file, const char *path, const instance *self) {
  const edgekit_model *model = self->model;
  for (uint32_t i = 0; i < model->output_count; i++) {
    const size_t bytes = model->outputs[i].bytes;
    if (fwrite(edgekit_output(model, self->arena.bytes, i), 1, bytes, file) != bytes) {
      fprintf(stderr, "edgekit-runner: cannot write %s: %s\n", path, strerror(errno));
      return EXIT_FAILED;
    }
  }
  return 0;
}
