/*
 * tiny_model.c: a model library written by hand, to test what works with model libraries.
 *
 * A streaming model of three steps over int8[2][4], the one that tiny_model.py writes as .tflite:
 *   loudest = MAXIMUM(input, previous input); output = RELU(loudest); previous input = input
 * Each BUG_... macro makes one deliberate mistake.
 */
#include <stdlib.h>
#include <string.h>

#include "edgekit.h"

enum { ELEMENTS = 8, ZERO_POINT = -1, INPUT = 0, LOUDEST = 64, OUTPUT = 128, ARENA = 136 };

#ifdef BUG_ABI
#define ABI 99u
#else
#define ABI EDGEKIT_ABI_VERSION
#endif

#define TENSOR(name, offset) {name, EDGEKIT_INT8, 2, shape, ELEMENTS, offset, 0.5f, ZERO_POINT}

static const int32_t shape[] = {2, 4};
static const edgekit_tensor input = TENSOR("input_0", INPUT);
static const edgekit_tensor loudest = TENSOR("loudest_3", LOUDEST);
static const edgekit_tensor output = TENSOR("output_4", OUTPUT);

static const edgekit_operator operators[] = {
    {"MAXIMUM", "tiny_maximum", 3, 0, &loudest, 1},
    {"RELU", "tiny_relu", 4, 0, &output, 1},
    {"ASSIGN_VARIABLE", "tiny_assign", 5, 0, NULL, 0},
};

static int8_t larger(int8_t a, int8_t b) { return a > b ? a : b; }

static void reset(void *state) {
#ifndef BUG_RESET
  memset(state, ZERO_POINT, ELEMENTS);
#else
  (void)state;
#endif
}

static void observe(edgekit_observer observer, void *context, uint32_t step) {
  if (observer != NULL) {
    observer(context, step);
  }
}

static int invoke(void *arena, void *state, edgekit_observer observer, void *context) {
  int8_t *memory = arena;
  int8_t *previous = state;
  observe(observer, context, 0);
  for (int i = 0; i < ELEMENTS; i++) {
    memory[LOUDEST + i] = larger(memory[INPUT + i], previous[i]);
  }
#ifdef BUG_FIRST_STEP
  memory[LOUDEST + 6] = (int8_t)(memory[LOUDEST + 6] ^ 1);
#endif
#ifdef BUG_HIDDEN /* the RELU makes it good again */
  for (int i = 0; i < ELEMENTS; i++) {
    if (memory[LOUDEST + i] < ZERO_POINT) {
      memory[LOUDEST + i] = (int8_t)(memory[LOUDEST + i] ^ 1);
    }
  }
#endif
  observe(observer, context, 1);
  for (int i = 0; i < ELEMENTS; i++) {
    memory[OUTPUT + i] = larger(memory[LOUDEST + i], ZERO_POINT);
  }
#ifdef BUG_SECOND_STEP
  memory[OUTPUT + 5] = (int8_t)(memory[OUTPUT + 5] ^ 1);
#endif
#ifdef BUG_OVERRUN
  memory[ARENA] = 0;
#endif
#ifdef BUG_UNDERRUN
  memory[-1] = 0;
#endif
#ifdef BUG_CRASH
  abort();
#endif
  observe(observer, context, 2);
#ifndef BUG_STATE
  memcpy(previous, memory + INPUT, ELEMENTS);
#endif
  observe(observer, context, 3);
#ifdef BUG_FAILS
  return -7;
#else
  return 0;
#endif
}

static int invoke_part(void *arena, void *state, const edgekit_team *team, edgekit_observer observer,
                       void *context) {
  return team->thread == 0 ? invoke(arena, state, observer, context) : 0;
}

#ifndef TINY_DIGEST
#define TINY_DIGEST ""
#endif

static const edgekit_model model = {
    ABI, "tiny \"model\"", TINY_DIGEST, "host", ARENA, 64, ELEMENTS, 1, 1, 3,
    &input, &output, operators, reset, invoke, 1, invoke_part, NULL, NULL, NULL,
};

#ifndef BUG_NO_SYMBOL
const edgekit_model *edgekit_model_get(void) { return &model; }
#else
const void *unrelated(void) { return &model; }
#endif
