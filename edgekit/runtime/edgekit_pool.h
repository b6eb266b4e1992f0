/*
 * edgekit_pool.h: threads that work on one task together, each on its part. Inside model libraries only: their
 * users see a pool through `edgekit_model`.
 */
#ifndef EDGEKIT_POOL_H
#define EDGEKIT_POOL_H

#include "edgekit.h"

/* What every thread of a pool does with its part; `team` says which part that is. */
typedef void (*edgekit_pool_task)(void *context, const edgekit_team *team);

/* See `create_pool` and `free_pool` of edgekit_model. */
edgekit_pool *edgekit_pool_create(uint32_t threads);
void edgekit_pool_free(edgekit_pool *pool);

/*
 * Run a task on all threads, the caller being the first. It returns when the caller is through, so the task must
 * call its team's barrier at least once, and all that other threads do after the last one, nobody may wait for;
 * they read `context` before the first one only.
 */
void edgekit_pool_run(edgekit_pool *pool, edgekit_pool_task task, void *context);

#endif
