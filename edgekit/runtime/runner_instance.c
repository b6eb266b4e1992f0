/*
 * runner_instance.c: load a model library, and give it memory that shows when it oversteps.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

enum { GUARD_BYTES = 4096, GUARD_PATTERN = 0xA5, FRESH_PATTERN = 0x5A };

/* A guard must not break the alignment of what follows it. */
static size_t guard_bytes(size_t alignment) {
  return alignment > GUARD_BYTES ? alignment : GUARD_BYTES;
}

static int guarded_allocate(guarded *self, size_t size, size_t alignment) {
  const size_t guard = guard_bytes(alignment);
  void *block = NULL;
  if (size > SIZE_MAX - 2 * guard || posix_memalign(&block, alignment, size + 2 * guard) != 0) {
    fprintf(stderr, "edgekit-runner: cannot allocate %zu bytes for the model\n", size);
    return EXIT_FAILED;
  }
  memset(block, GUARD_PATTERN, size + 2 * guard);
  self->block = block;
  self->bytes = self->block + guard;
  self->size = size;
  /* A model must not rely on what the memory held before. */
  memset(self->bytes, FRESH_PATTERN, size);
  return 0;
}

/* Whether a guard byte was overwritten, and its offset from the start of the memory. */
static bool guarded_overrun(const guarded *self, size_t alignment, long long *offset) {
  const size_t guard = guard_bytes(alignment);
  for (size_t i = 0; i < guard; i++) {
    if (self->bytes[self->size + i] != GUARD_PATTERN) {
      *offset = (long long)(self->size + i);
      return true;
    }
    if (self->block[guard - 1 - i] != GUARD_PATTERN) {
      *offset = -(long long)i - 1;
      return true;
    }
  }
  return false;
}

static int load_library(instance *self, const char *path) {
  self->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (self->library == NULL) {
    fprintf(stderr, "edgekit-runner: cannot load the library: %s\n", dlerror());
    return EXIT_REFUSED;
  }
  /* ISO C has no cast from an object pointer to a function pointer; POSIX promises that this works. */
  const edgekit_model *(*get)(void) = NULL;
  void *symbol = dlsym(self->library, "edgekit_model_get");
  if (symbol == NULL) {
    fprintf(stderr, "edgekit-runner: %s is not a model library: it has no edgekit_model_get\n", path);
    return EXIT_REFUSED;
  }
  memcpy(&get, &symbol, sizeof get);
  self->model = get();
  return 0;
}

static int check_interface(const edgekit_model *model, const char *path) {
  if (model == NULL) {
    fprintf(stderr, "edgekit-runner: %s gives no model\n", path);
    return EXIT_REFUSED;
  }
  if (model->abi_version != EDGEKIT_ABI_VERSION) {
    fprintf(stderr,
            "edgekit-runner: %s has version %u of the C interface, this runner reads version %u; "
            "build the model again, or use the runner of its bundle\n",
            path, (unsigned)model->abi_version, (unsigned)EDGEKIT_ABI_VERSION);
    return EXIT_REFUSED;
  }
  const size_t alignment = model->arena_alignment;
  if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
    fprintf(stderr, "edgekit-runner: %s asks for an impossible alignment, %zu\n", path, alignment);
    return EXIT_REFUSED;
  }
  return 0;
}

/*
 * A model library starts threads if the program that loads it has pthread_create, which before glibc 2.34 comes
 * with a library of its own: naming it here makes the runner need that one.
 */
static int (*volatile const create_thread)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                                           void *) = pthread_create;

static int start_pool(instance *self, uint32_t threads) {
  (void)create_thread;
  if (threads == 1 || self->model->most_threads == 1) {
    return 0;
  }
  self->pool = self->model->create_pool(threads);
  if (self->pool == NULL) {
    fprintf(stderr, "edgekit-runner: cannot start %u threads: %s\n", (unsigned)threads, strerror(errno));
    return EXIT_FAILED;
  }
  return 0;
}

int instance_open(instance *self, const char *path, uint32_t threads) {
  memset(self, 0, sizeof *self);
  int status = load_library(self, path);
  if (status == 0) {
    status = check_interface(self->model, path);
  }
  if (status != 0) {
    return status;
  }
  /* posix_memalign wants at least a pointer's alignment. */
  const size_t least = sizeof(void *);
  const size_t alignment =
      self->model->arena_alignment > least ? self->model->arena_alignment : least;
  status = guarded_allocate(&self->arena, self->model->arena_bytes, alignment);
  if (status == 0) {
    status = guarded_allocate(&self->state, self->model->state_bytes, alignment);
  }
  if (status == 0) {
    self->model->reset(self->state.bytes);
    status = instance_check_guards(self);
  }
  if (status == 0) {
    status = start_pool(self, threads);
  }
  return status;
}

void instance_close(instance *self) {
  if (self->pool != NULL) {
    self->model->free_pool(self->pool);
  }
  free(self->arena.block);
  free(self->state.block);
  if (self->library != NULL) {
    dlclose(self->library);
  }
  memset(self, 0, sizeof *self);
}

int instance_invoke(instance *self, edgekit_observer observer, void *context) {
  const edgekit_model *model = self->model;
  void *arena = self->arena.bytes, *state = self->state.bytes;
  const int result = self->pool == NULL
                         ? model->invoke(arena, state, observer, context)
                         : model->invoke_with(self->pool, arena, state, observer, context);
  if (result != 0) {
    fprintf(stderr, "edgekit-runner: the model's invoke returned %d\n", result);
    return EXIT_FAILED;
  }
  return 0;
}

int instance_check_guards(const instance *self) {
  const size_t alignment = self->model->arena_alignment;
  const guarded *all[] = {&self->arena, &self->state};
  static const char *const names[] = {"arena", "state"};
  for (size_t i = 0; i < 2; i++) {
    long long offset = 0;
    if (guarded_overrun(all[i], alignment, &offset)) {
      fprintf(stderr,
              "edgekit-runner: the model wrote outside its %s of %zu bytes, at offset %lld; "
              "its results cannot be trusted\n",
              names[i], all[i]->size, offset);
      return EXIT_FAILED;
    }
  }
  return 0;
}
