/*
 * edgekit.h: the C interface of a model built by EdgeKit. One header for every target.
 *
 * A model is a constant description plus two functions. It owns no memory: the caller gives it an
 * arena (scratch, inputs and outputs) and, if it is a streaming model, its state. Two instances in
 * two arenas never meet, so a model may run in several threads, one arena and one state each.
 *
 *     const edgekit_model *model = edgekit_model_get();
 *     void *arena = aligned_alloc(model->arena_alignment, model->arena_bytes);
 *     void *state = aligned_alloc(model->arena_alignment, model->state_bytes);  // may be 0 bytes
 *     model->reset(state);
 *     memcpy(edgekit_input(model, arena, 0), pixels, model->inputs[0].bytes);
 *     model->invoke(arena, state, NULL, NULL);
 *     const int8_t *scores = edgekit_output(model, arena, 0);
 *
 * Inputs live in the arena and are scratch once read: write them before every invocation. Outputs
 * stay until the next one.
 *
 * Several threads can share the work of one invocation; the answer is the same, byte for byte:
 *
 *     edgekit_pool *pool = model->create_pool(2);     // once; NULL if there can be no threads
 *     model->invoke_with(pool, arena, state, NULL, NULL);
 *     model->free_pool(pool);
 */
#ifndef EDGEKIT_H
#define EDGEKIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when a field changes its meaning or place. Check it before reading any other field. */
#define EDGEKIT_ABI_VERSION 2u

/* Element types. */
typedef enum edgekit_type {
  EDGEKIT_INT8 = 1,
  EDGEKIT_UINT8 = 2,
  EDGEKIT_INT16 = 3,
  EDGEKIT_INT32 = 4,
  EDGEKIT_INT64 = 5,
  EDGEKIT_FLOAT32 = 6,
  EDGEKIT_BOOL = 7
} edgekit_type;

/* A tensor in the arena, row-major. real = scale * (integer - zero_point); scale is 0 if there is none. */
typedef struct edgekit_tensor {
  const char *name;
  edgekit_type type;
  uint32_t rank;
  const int32_t *shape; /* rank numbers */
  size_t bytes;
  size_t arena_offset;
  float scale;
  int32_t zero_point;
} edgekit_tensor;

/* One step of the network, in execution order. */
typedef struct edgekit_operator {
  const char *name;               /* the operator in the model: "CONV_2D" */
  const char *kernel;             /* the function that does the work */
  uint32_t index;                 /* its position in the model file */
  uint64_t macs;                  /* multiply-accumulates of one invocation */
  const edgekit_tensor *outputs;  /* valid in the arena from its end to the start of the next step */
  uint32_t output_count;
} edgekit_operator;

/*
 * Called just before each step with its position in `operators`, and once after the last with
 * `operator_count`. At call i + 1 the outputs of step i are in the arena.
 */
typedef void (*edgekit_observer)(void *context, uint32_t step);

/* Threads that wait for work; made by a model's library. */
typedef struct edgekit_pool edgekit_pool;

/* One of the threads that run an invocation together. */
typedef struct edgekit_team {
  uint32_t thread;  /* 0 for the first */
  uint32_t threads; /* 1 or more */
  /* Returns when all threads have called it, and shows each what the others wrote. Unused with 1 thread. */
  void (*barrier)(void *context);
  void *context;
} edgekit_team;

typedef struct edgekit_model {
  uint32_t abi_version; /* EDGEKIT_ABI_VERSION */
  const char *name;
  const char *digest; /* SHA-256 of the model file, in hex */
  const char *target; /* the target it was built for */

  size_t arena_bytes;
  size_t arena_alignment; /* of the arena's address; a power of two */
  size_t state_bytes;     /* 0 unless the model is a streaming one; same alignment */

  uint32_t input_count;
  uint32_t output_count;
  uint32_t operator_count;
  const edgekit_tensor *inputs;
  const edgekit_tensor *outputs;
  const edgekit_operator *operators;

  /* Set the state to its first value. Call it once before the first invocation. */
  void (*reset)(void *state);

  /* Run the network once. `observer` may be NULL. Returns 0, or a negative number on failure. */
  int (*invoke)(void *arena, void *state, edgekit_observer observer, void *context);

  /* 1 if threads would not help, since no step is large enough to share; else how many may be of use. */
  uint32_t most_threads;

  /*
   * Be one of the threads that run the network once: for programs that have threads of their own. All of
   * them call it at the same time, with the same arguments but for `team->thread`. The result is there when
   * thread 0 returns, which alone calls the observer.
   */
  int (*invoke_part)(void *arena, void *state, const edgekit_team *team, edgekit_observer observer,
                     void *context);

  /*
   * Threads of the library's own. `create_pool` starts `threads` - 1 of them; 0 stands for as many threads as
   * there are cores. It returns NULL with errno set if that fails: ENOSYS if the program has no threads
   * (before glibc 2.34, link it with -pthread). `invoke_with` is `invoke` by a pool of the same library, one
   * invocation at a time; the caller works as its first thread. All three are NULL where there are no threads.
   */
  edgekit_pool *(*create_pool)(uint32_t threads);
  int (*invoke_with)(edgekit_pool *pool, void *arena, void *state, edgekit_observer observer, void *context);
  void (*free_pool)(edgekit_pool *pool);
} edgekit_model;

/* The model in this library. Never NULL. */
const edgekit_model *edgekit_model_get(void);

/* Where to write input `i`, and where to read output `i`. */
static inline void *edgekit_input(const edgekit_model *model, void *arena, uint32_t i) {
  return (uint8_t *)arena + model->inputs[i].arena_offset;
}

static inline void *edgekit_output(const edgekit_model *model, void *arena, uint32_t i) {
  return (uint8_t *)arena + model->outputs[i].arena_offset;
}

#ifdef __cplusplus
}
#endif

#endif /* EDGEKIT_H */
