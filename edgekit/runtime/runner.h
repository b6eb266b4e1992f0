/*
 * runner.h: what the parts of edgekit-runner share.
 *
 * The runner loads a model library, feeds it frames from a file, and checks, dumps, times or counts
 * what it does. Everything it finds out goes to stdout as one JSON document, every message to stderr.
 */
#ifndef EDGEKIT_RUNNER_H
#define EDGEKIT_RUNNER_H

#include <stdbool.h>
#include <stdio.h>

#include "edgekit.h"

/* Exit codes; `edgekit/devices/runner.py` turns them into exceptions. */
enum {
  EXIT_EQUAL = 0,
  EXIT_FAILED = 1,  /* a failed invocation, memory overrun, full disk */
  EXIT_USAGE = 2,   /* wrong arguments, or input files that do not fit the model */
  EXIT_DIFFERS = 3, /* outputs are not the expected ones */
  EXIT_REFUSED = 5  /* the library cannot be loaded, or has another interface version */
};

/* ------------------------------------------------------------------ runner_instance.c */

/* Memory that is surrounded by a known pattern, so that an overrun does not go unseen. */
typedef struct guarded {
  unsigned char *block; /* what to free */
  unsigned char *bytes; /* what the model gets: `size` bytes, aligned */
  size_t size;
} guarded;

/* A loaded model with an arena and a state of its own. */
typedef struct instance {
  void *library;
  const edgekit_model *model;
  guarded arena;
  guarded state;
  edgekit_pool *pool; /* NULL if one thread runs the model */
} instance;

/*
 * Load a library, check its interface version, allocate and reset. So many threads will run the model, 0 for
 * one a core; a model that is not worth sharing is run by one. Returns 0 or an exit code.
 */
int instance_open(instance *self, const char *path, uint32_t threads);

/* Free everything. Safe on an instance whose opening failed. */
void instance_close(instance *self);

/* Invoke once. The memory is not checked here, so that the call can be timed. */
int instance_invoke(instance *self, edgekit_observer observer, void *context);

/* Check that the model stayed inside its memory. Returns 0 or an exit code. */
int instance_check_guards(const instance *self);

/* --------------------------------------------------------------------- runner_files.c */

/* Size in bytes of one element; 0 for a type that this runner does not know. */
size_t type_bytes(edgekit_type type);

/* The name numpy gives a type: "int8". */
const char *type_name(edgekit_type type);

/* Sum of the tensors' bytes. */
size_t frame_bytes(const edgekit_tensor *tensors, uint32_t count);

/* Open a file, or say why not. */
FILE *open_file(const char *path, const char *mode);

/* Close a written file. Returns 0, or EXIT_FAILED when its last bytes could not be written. */
int close_written(FILE *file, const char *path);

/* Read one frame, all tensors in order, into the arena. `*more` is false at the file's clean end. */
int read_frame(FILE *file, const char *path, const instance *self, bool *more);

/* Write all outputs of the last invocation. Returns 0 or EXIT_FAILED. */
int write_outputs(FILE *file, const char *path, const instance *self);

/* ---------------------------------------------------------------------- runner_json.c */

void json_string(const char *text);
void json_tensor(const edgekit_tensor *tensor);
void json_tensors(const edgekit_tensor *tensors, uint32_t count);

/* One element of a tensor as a JSON number; a float that is not finite as a string. */
void json_element(edgekit_type type, const unsigned char *bytes);

/* Finish the document on stdout. Returns 0 or EXIT_FAILED. */
int json_end(void);

/* ------------------------------------------------------------------ the commands' files */

int command_describe(instance *self);
int command_check(instance *self, const char *inputs, const char *outputs);
int command_run(instance *self, const char *inputs, const char *outputs);

/* Dump the step outputs of frame `only`, or of every frame if it is negative. */
int command_dump(instance *self, const char *inputs, const char *directory, long only);

/* Time `runs` invocations after `warmup`, and after more until they are steady, for `settle` seconds at most. */
int command_profile(instance *self, const char *inputs, long warmup, long settle, long runs);
int command_count(instance *self, const char *inputs, long runs);

/* Measure how fast this machine reads memory and multiplies; takes some 0.3 s. */
int command_roofline(void);

#endif /* EDGEKIT_RUNNER_H */
