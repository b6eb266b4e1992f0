/*
 * edgekit_pool.c: a pool of threads for model libraries on Linux.
 *
 * All threads run the whole task, and meet at barriers in it. Who waits, spins for some microseconds, since most
 * barriers are reached by all threads at nearly the same time. Then the thread that is missing may have lost its core
 * to another program, or to who waits for it: for some more microseconds it is offered the core at every look, and
 * after that who waits sleeps in the kernel. Where threads are more than cores, nobody spins.
 *
 * The library must not need libpthread, which was a library of its own before glibc 2.34: the two functions that it
 * takes from there are weak, and without them there are no pools.
 */
#define _GNU_SOURCE
#include "edgekit_pool.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#pragma weak pthread_create
#pragma weak pthread_join

enum { MOST_THREADS = 64, CACHE_LINE = 64, SPIN_NS = 2000, YIELD_NS = 50000, LOST_NS = 10000, SPINS_PER_CLOCK = 16 };

/* A number that threads wait for to change, on a cache line of its own. */
typedef struct signal_word {
  uint32_t value;
  uint32_t sleepers;
  char rest[CACHE_LINE - 2 * sizeof(uint32_t)];
} signal_word;

typedef struct member {
  edgekit_team team;
  edgekit_pool *pool;
  pthread_t thread; /* not of the first, which is the caller */
} member;

struct edgekit_pool {
  signal_word start;   /* counts tasks */
  signal_word barrier; /* counts barriers that all have passed */
  uint32_t arrived;    /* at the barrier; at 0 again when all have */
  char rest[CACHE_LINE - sizeof(uint32_t)];
  edgekit_pool_task task; /* NULL: end */
  void *context;
  uint32_t threads;
  int may_spin;
  member members[MOST_THREADS];
};

/* ------------------------------------------------------------------------------- waiting */

static void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#elif defined(__arm__)
  __asm__ volatile("yield");
#endif
}

static long elapsed_ns(const struct timespec *since) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long)(now.tv_sec - since->tv_sec) * 1000000000L + (now.tv_nsec - since->tv_nsec);
}

static int has_changed(const signal_word *word, uint32_t old) {
  return __atomic_load_n(&word->value, __ATOMIC_ACQUIRE) != old;
}

/* Whether a word changes soon. */
static int changes_soon(const signal_word *word, uint32_t old) {
  struct timespec start;
  long waited = 0;
  clock_gettime(CLOCK_MONOTONIC, &start);
  while (waited < YIELD_NS) {
    for (int i = 0; i < SPINS_PER_CLOCK; i++) {
      if (has_changed(word, old)) return 1;
      relax();
    }
    waited = elapsed_ns(&start);
    if (waited > SPIN_NS) {
      sched_yield();
      /* Another thread wanted this core, perhaps the one that is missing: who sleeps may wake up on a free one. */
      if (elapsed_ns(&start) - waited > LOST_NS) return has_changed(word, old);
    }
  }
  return 0;
}

static void wait_for_change(signal_word *word, uint32_t old, int may_spin) {
  if (has_changed(word, old) || (may_spin && changes_soon(word, old))) return;
  /* In one order for all threads: either the one that changes the word sees a sleeper, or the kernel the change. */
  __atomic_add_fetch(&word->sleepers, 1, __ATOMIC_SEQ_CST);
  while (!has_changed(word, old)) syscall(SYS_futex, &word->value, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
  __atomic_sub_fetch(&word->sleepers, 1, __ATOMIC_SEQ_CST);
}

static void change(signal_word *word) {
  __atomic_add_fetch(&word->value, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&word->sleepers, __ATOMIC_SEQ_CST) > 0) {
    syscall(SYS_futex, &word->value, FUTEX_WAKE_PRIVATE, MOST_THREADS, NULL, NULL, 0);
  }
}

static void meet(void *context) {
  edgekit_pool *pool = (edgekit_pool *)context;
  const uint32_t passed = __atomic_load_n(&pool->barrier.value, __ATOMIC_RELAXED);
  if (__atomic_add_fetch(&pool->arrived, 1, __ATOMIC_ACQ_REL) == pool->threads) {
    __atomic_store_n(&pool->arrived, 0, __ATOMIC_RELAXED);
    change(&pool->barrier);
  } else {
    wait_for_change(&pool->barrier, passed, pool->may_spin);
  }
}

/* ------------------------------------------------------------------------------- threads */

static void *work(void *context) {
  member *self = (member *)context;
  edgekit_pool *pool = self->pool;
  for (uint32_t tasks = 0;; tasks++) {
    wait_for_change(&pool->start, tasks, pool->may_spin);
    if (pool->task == NULL) return NULL;
    pool->task(pool->context, &self->team);
  }
}

/* Threads of a library must not take the signals that a program wants to handle in threads of its own. */
static int start_thread(member *self) {
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before); /* of this thread only, on Linux */
  const int error = pthread_create(&self->thread, NULL, work, self);
  sigprocmask(SIG_SETMASK, &before, NULL);
  return error;
}

/* Cores that this process may use. */
static uint32_t usable_cores(void) {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
  return (uint32_t)CPU_COUNT(&cores);
}

edgekit_pool *edgekit_pool_create(uint32_t threads) {
  const uint32_t cores = usable_cores();
  const uint32_t wanted = threads == 0 ? cores : threads;
  void *block = NULL;
  if (pthread_create == NULL || pthread_join == NULL) {
    errno = ENOSYS;
    return NULL;
  }
  const int error = posix_memalign(&block, CACHE_LINE, sizeof(edgekit_pool));
  if (error != 0) {
    errno = error;
    return NULL;
  }
  memset(block, 0, sizeof(edgekit_pool));
  edgekit_pool *pool = (edgekit_pool *)block;
  pool->threads = wanted < MOST_THREADS ? wanted : MOST_THREADS;
  pool->may_spin = pool->threads <= cores;
  for (uint32_t i = 0; i < pool->threads; i++) {
    member *self = &pool->members[i];
    self->pool = pool;
    self->team = (edgekit_team){i, pool->threads, meet, pool};
    const int failed = i == 0 ? 0 : start_thread(self);
    if (failed != 0) {
      pool->threads = i; /* those that wait for a first task */
      edgekit_pool_free(pool);
      errno = failed;
      return NULL;
    }
  }
  return pool;
}

void edgekit_pool_run(edgekit_pool *pool, edgekit_pool_task task, void *context) {
  pool->task = task;
  pool->context = context;
  change(&pool->start);
  task(context, &pool->members[0].team);
}

void edgekit_pool_free(edgekit_pool *pool) {
  if (pool == NULL) return;
  pool->task = NULL;
  change(&pool->start);
  for (uint32_t i = 1; i < pool->threads; i++) pthread_join(pool->members[i].thread, NULL);
  free(pool);
}
