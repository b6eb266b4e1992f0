/* Writes what a model says about itself, for description.py: words, and strings with their length before them. */
#include "description.h"

#include "semihosting.h"

static int written; /* whether all of it came through so far */

static void put_bytes(int32_t file, const void *data, size_t bytes) {
  if (bytes > 0 && !host_write(file, data, bytes))
    written = 0;
}

static void put_word(int32_t file, uint32_t word) { put_bytes(file, &word, sizeof word); }

static void put_words(int32_t file, const char *words) {
  uint32_t length = 0;
  while (words[length] != '\0')
    length++;
  put_word(file, length);
  put_bytes(file, words, length);
}

static void put_tensors(int32_t file, const edgekit_tensor *tensors, uint32_t count) {
  put_word(file, count);
  for (uint32_t i = 0; i < count; i++) {
    put_words(file, tensors[i].name);
    put_word(file, (uint32_t)tensors[i].type);
    put_word(file, tensors[i].rank);
    put_bytes(file, tensors[i].shape, tensors[i].rank * sizeof *tensors[i].shape);
    put_word(file, (uint32_t)tensors[i].bytes);
    put_word(file, (uint32_t)tensors[i].arena_offset);
    put_bytes(file, &tensors[i].scale, sizeof tensors[i].scale);
    put_word(file, (uint32_t)tensors[i].zero_point);
  }
}

int write_description(int32_t file, const edgekit_model *model) {
  written = 1;
  put_word(file, model->abi_version);
  put_words(file, model->name);
  put_words(file, model->digest);
  put_words(file, model->target);
  put_word(file, (uint32_t)model->arena_bytes);
  put_word(file, (uint32_t)model->arena_alignment);
  put_word(file, (uint32_t)model->state_bytes);
  put_tensors(file, model->inputs, model->input_count);
  put_tensors(file, model->outputs, model->output_count);
  put_word(file, model->operator_count);
  for (uint32_t i = 0; i < model->operator_count; i++) {
    const edgekit_operator *step = &model->operators[i];
    put_words(file, step->name);
    put_words(file, step->kernel);
    put_word(file, step->index);
    put_bytes(file, &step->macs, sizeof step->macs);
    put_tensors(file, step->outputs, step->output_count);
  }
  return written;
}
