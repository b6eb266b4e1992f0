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

/* ---- Warming up: caches, clock and branch predictors take as long as they take. */

#define WINDOW 5
#define TOLERANCE 0.03           /* two windows whose medians are nearer than this: no trend is left */

typedef struct warm_up_result {
  long runs;
  bool is_steady; /* false: it was given up, and the times still moved */
} warm_up_result;

static uint64_t median(const uint64_t *times) {
  uint64_t sorted[WINDOW];
  for (int i = 0; i < WINDOW; i++) {
    int at = i;
    for (; at > 0 && sorted[at - 1] > times[i]; at--) {
      sorted[at] = sorted[at - 1];
    }
    sorted[at] = times[i];
  }
  return sorted[WINDOW / 2];
}

/* The same rule as edgekit/measurement/warm_up.py; `times` has two windows, the older one first. */
static bool is_steady(const uint64_t *times) {
  const double before = (double)median(times);
  const double change = (double)median(times + WINDOW) - before;
  return (change < 0 ? -change : change) <= TOLERANCE * before;
}

/* One invocation, without an observer, so that reading the clock is not part of it. */
static int time_once(instance *self, const unsigned char *frame, uint64_t *took) {
  feed(self, frame);
  const uint64_t start = now_ns();
  const int status = instance_invoke(self, NULL, NULL);
  *took = now_ns() - start;
  return status;
}

/* Invoke `least` times, and on until the times are steady, or `settle` seconds are over. */
static int warm_up(instance *self, const unsigned char *frame, long least, long settle,
                   warm_up_result *result) {
  uint64_t last[2 * WINDOW] = {0};
  const uint64_t start = now_ns();
  *result = (warm_up_result){0, false};
  for (;;) {
    result->is_steady = result->runs >= 2 * WINDOW && is_steady(last);
    const bool is_late = now_ns() - start >= (uint64_t)settle * 1000000000u;
    if (result->runs >= least && (result->is_steady || is_late)) {
      return 0;
    }
    memmove(last, last + 1, sizeof last - sizeof last[0]);
    const int status = time_once(self, frame, &last[2 * WINDOW - 1]);
    if (status != 0) {
      return status;
    }
    result->runs++;
  }
}

/* `totals` has one number a run; `stamps` has operator_count + 1 a run. */
static int measure(instance *self, const unsigned char *frame, long runs, uint64_t *totals,
                   uint64_t *stamps) {
  const size_t marks = (size_t)self->model->operator_count + 1;
  for (long run = 0; run < runs; run++) {
    int status = time_once(self, frame, &totals[run]);
    if (status == 0) {
      feed(self, frame);
      status = instance_invoke(self, stamp_observer, stamps + (size_t)run * marks);
    }
    if (status != 0) {
      return status;
    }
  }
  return instance_check_guards(self);
}

static int print_profile(const instance *self, const warm_up_result *warmed, long runs,
                         const uint64_t *totals, const uint64_t *stamps) {
  const uint32_t steps = self->model->operator_count;
  const size_t marks = (size_t)steps + 1;
  printf("{\"runs\": %ld, \"warm_up_runs\": %ld, \"is_steady\": %s, \"is_shared\": %s, \"total_ns\": [", runs,
         warmed->runs, warmed->is_steady ? "true" : "false", self->pool != NULL ? "true" : "false");
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

int command_profile(instance *self, const char *inputs, long warmup, long settle, long runs) {
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
    warm_up_result warmed;
    status = warm_up(self, frame, warmup, settle, &warmed);
    if (status == 0) {
      status = measure(self, frame, runs, totals, stamps);
    }
    if (status == 0) {
      status = print_profile(self, &warmed, runs, totals, stamps);
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
