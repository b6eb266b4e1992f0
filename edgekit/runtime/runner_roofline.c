/*
 * runner_roofline.c: the two limits of this machine, for one thread: how fast it reads memory, and how
 * fast it multiplies int8 values. No model is needed. What bounds an operator is told from its own bytes and
 * products beside these (Williams, Waterman and Patterson, "Roofline", 2009).
 */
#define _DEFAULT_SOURCE /* syscall */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runner.h"

#if defined(__aarch64__) || defined(__arm__)
#include <sys/auxv.h>
#elif defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* From what fits the first cache to what fits none of a board's. */
static const size_t SIZES[] = {(size_t)32 << 10, (size_t)256 << 10, (size_t)2 << 20, (size_t)32 << 20};
#define SIZE_COUNT (sizeof SIZES / sizeof SIZES[0])

#define LEAST_NS 2000000u /* of one measurement */
#define ATTEMPTS 20       /* of which the best counts: whatever else runs can only slow it down */

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Does `times` units of work on `context`. */
typedef void (*work)(void *context, uint64_t times);

/* Units of work in a second, at its best. */
static double rate(work function, void *context) {
  uint64_t times = 1;
  uint64_t took = 0;
  for (;;) {
    const uint64_t start = now_ns();
    function(context, times);
    took = now_ns() - start;
    if (took >= LEAST_NS) {
      break;
    }
    times *= 2;
  }
  for (int attempt = 1; attempt < ATTEMPTS; attempt++) {
    const uint64_t start = now_ns();
    function(context, times);
    const uint64_t again = now_ns() - start;
    took = again < took ? again : took;
  }
  return (double)times * 1e9 / (double)took;
}

/* -------------------------------------------------------------------------------- memory */

typedef uint64_t vector __attribute__((vector_size(16)));

typedef struct region {
  const vector *start;
  size_t count; /* of vectors; a multiple of 8 */
} region;

static volatile uint64_t sink; /* what is read must be used */

static void read_all(void *context, uint64_t times) {
  const region *memory = context;
  vector sums[8] = {{0}};
  for (uint64_t i = 0; i < times; i++) {
    const vector *end = memory->start + memory->count;
    for (const vector *at = memory->start; at < end; at += 8) {
      sums[0] ^= at[0]; /* one by one: a loop over them stays a loop where size comes first */
      sums[1] ^= at[1];
      sums[2] ^= at[2];
      sums[3] ^= at[3];
      sums[4] ^= at[4];
      sums[5] ^= at[5];
      sums[6] ^= at[6];
      sums[7] ^= at[7];
    }
    sink = sums[0][0]; /* a pass may not be merged with the next */
  }
  for (size_t lane = 1; lane < 8; lane++) {
    sums[0] ^= sums[lane];
  }
  sink = sums[0][0] ^ sums[0][1];
}

/* ------------------------------------------------------------------------------ products */

/* The best instruction for products of int8 that this CPU has, and what it does. */
typedef struct multiplier {
  const char *name;
  uint64_t macs; /* of one unit of work */
  work function;
} multiplier;

#define UNROLLED 8 /* instructions of a unit: each on a sum of its own, so that none waits for another */
#define EACH(INSTRUCTION, REST) \
  INSTRUCTION "16" REST INSTRUCTION "17" REST INSTRUCTION "18" REST INSTRUCTION "19" REST \
  INSTRUCTION "20" REST INSTRUCTION "21" REST INSTRUCTION "22" REST INSTRUCTION "23" REST

#if defined(__aarch64__)

#define HWCAP_DOT (1ul << 20) /* asimddp */
#define HWCAP2_MMLA (1ul << 13) /* i8mm */
#define SUMS "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23"

static void multiply_smlal(void *context, uint64_t times) {
  (void)context;
  for (uint64_t i = 0; i < times; i++) {
    __asm__ volatile(EACH("smlal v", ".8h, v0.8b, v1.8b\n") : : : SUMS);
  }
}

static void multiply_sdot(void *context, uint64_t times) {
  (void)context;
  for (uint64_t i = 0; i < times; i++) {
    __asm__ volatile(".arch_extension dotprod\n" EACH("sdot v", ".4s, v0.16b, v1.16b\n") : : : SUMS);
  }
}

static void multiply_smmla(void *context, uint64_t times) {
  (void)context;
  for (uint64_t i = 0; i < times; i++) {
    __asm__ volatile(".arch_extension i8mm\n" EACH("smmla v", ".4s, v0.16b, v1.16b\n") : : : SUMS);
  }
}

static multiplier best_multiplier(void) {
  if (getauxval(AT_HWCAP2) & HWCAP2_MMLA) {
    return (multiplier){"smmla", 32 * UNROLLED, multiply_smmla};
  }
  if (getauxval(AT_HWCAP) & HWCAP_DOT) {
    return (multiplier){"sdot", 16 * UNROLLED, multiply_sdot};
  }
  return (multiplier){"smlal", 8 * UNROLLED, multiply_smlal};
}

#elif defined(__arm__)

#define HWCAP_NEON_BIT (1ul << 12)

static void multiply_vmlal(void *context, uint64_t times) {
  (void)context;
  for (uint64_t i = 0; i < times; i++) {
    __asm__ volatile(
        ".fpu neon\n"
        "vmlal.s8 q8, d0, d1\nvmlal.s8 q9, d0, d1\nvmlal.s8 q10, d0, d1\nvmlal.s8 q11, d0, d1\n"
        "vmlal.s8 q12, d0, d1\nvmlal.s8 q13, d0, d1\nvmlal.s8 q14, d0, d1\nvmlal.s8 q15, d0, d1\n");
  }
}

static multiplier best_multiplier(void) {
  if (getauxval(AT_HWCAP) & HWCAP_NEON_BIT) {
    return (multiplier){"vmlal", 8 * UNROLLED, multiply_vmlal};
  }
  return (multiplier){NULL, 0, NULL};
}

#elif defined(__x86_64__)

#include <cpuid.h>

#define AVX2_BIT (1u << 5)          /* leaf 7, ebx */
#define AVX512F_BIT (1u << 16)      /* leaf 7, ebx */
#define AVX512VNNI_BIT (1u << 11)   /* leaf 7, ecx */
#define AMX_BITS (3u << 24)         /* leaf 7, edx: tiles, and their products of int8 */
#define OSXSAVE_BIT (1u << 27)      /* leaf 1, ecx */
#define YMM_STATE 0x06u             /* of XCR0: what the kernel saves */
#define ZMM_STATE 0xE6u
#define TILE_STATE 0x60000u
#define ASK_FOR_STATE 0x1023 /* ARCH_REQ_XCOMP_PERM of Linux */
#define TILE_DATA 18         /* XFEATURE_XTILEDATA */
#define LOW_SUMS(INSTRUCTION, KIND, REST) \
  INSTRUCTION REST KIND "2\n" INSTRUCTION REST KIND "3\n" INSTRUCTION REST KIND "4\n" \
  INSTRUCTION REST KIND "5\n" INSTRUCTION REST KIND "6\n" INSTRUCTION REST KIND "7\n" \
  INSTRUCTION REST KIND "8\n" INSTRUCTION REST KIND "9\n"
#define SUMS "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9"

static void multiply_pmaddwd(void *context, uint64_t times) {
  (void)context;
  for (uint64_t i = 0; i < times; i++) {
    __asm__ volatile(LOW_SUMS("pmaddwd ", "%%xmm", "%%xmm0, ") : : : SUMS);
  }
}

static void multiply_vpmaddwd(void *context, uint64_t times) {
  (void)context;
  for (uint64_t i = 0; i < times; i++) {
    __asm__ volatile(LOW_SUMS("vpmaddwd ", "%%ymm", "%%ymm0, %%ymm1, ") : : : SUMS);
  }
}

static void multiply_vpdpbusd(void *context, uint64_t times) {
  (void)context;
  for (uint64_t i = 0; i < times; i++) {
    __asm__ volatile(LOW_SUMS("vpdpbusd ", "%%zmm", "%%zmm0, %%zmm1, ") : : : SUMS);
  }
}

/* Of 8 tiles of 16 rows, each of 64 bytes: the operand of ldtilecfg. */
static const struct {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} TILES = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

#define TILE_SUMS 6 /* two of the eight are multiplied */
#define TILE_MACS (16 * 16 * 64)

static void multiply_tdpbssd(void *context, uint64_t times) {
  (void)context;
  __asm__ volatile("ldtilecfg %0" : : "m"(TILES));
  for (uint64_t i = 0; i < times; i++) {
    __asm__ volatile(
        "tdpbssd %tmm1, %tmm0, %tmm2\ntdpbssd %tmm1, %tmm0, %tmm3\ntdpbssd %tmm1, %tmm0, %tmm4\n"
        "tdpbssd %tmm1, %tmm0, %tmm5\ntdpbssd %tmm1, %tmm0, %tmm6\ntdpbssd %tmm1, %tmm0, %tmm7\n");
  }
  __asm__ volatile("tilerelease");
}

static unsigned saved_state(void) {
  unsigned low = 0;
  unsigned high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static multiplier best_multiplier(void) {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  const bool has_state = __get_cpuid(1, &a, &b, &c, &d) && (c & OSXSAVE_BIT);
  const unsigned state = has_state ? saved_state() : 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    b = c = d = 0;
  }
  if ((state & TILE_STATE) == TILE_STATE && (d & AMX_BITS) == AMX_BITS &&
      syscall(SYS_arch_prctl, ASK_FOR_STATE, TILE_DATA) == 0) {
    return (multiplier){"tdpbssd tmm", (uint64_t)TILE_SUMS * TILE_MACS, multiply_tdpbssd};
  }
  if ((state & ZMM_STATE) == ZMM_STATE && (b & AVX512F_BIT) && (c & AVX512VNNI_BIT)) {
    return (multiplier){"vpdpbusd zmm", 64 * UNROLLED, multiply_vpdpbusd};
  }
  if ((state & YMM_STATE) == YMM_STATE && (b & AVX2_BIT)) {
    return (multiplier){"vpmaddwd ymm", 16 * UNROLLED, multiply_vpmaddwd};
  }
  return (multiplier){"pmaddwd xmm", 8 * UNROLLED, multiply_pmaddwd};
}

#else

static multiplier best_multiplier(void) { return (multiplier){NULL, 0, NULL}; }

#endif

/* ------------------------------------------------------------------------------ the command */

int command_roofline(void) {
  void *memory = NULL;
  if (posix_memalign(&memory, 64, SIZES[SIZE_COUNT - 1]) != 0) {
    fprintf(stderr, "edgekit-runner: cannot allocate %zu bytes\n", SIZES[SIZE_COUNT - 1]);
    return EXIT_FAILED;
  }
  memset(memory, 1, SIZES[SIZE_COUNT - 1]); /* pages that were never written may all be one */
  printf("{\"read\": [");
  for (size_t i = 0; i < SIZE_COUNT; i++) {
    region read = {memory, SIZES[i] / sizeof(vector)};
    printf("%s{\"bytes\": %zu, \"bytes_per_second\": %.0f}", i == 0 ? "" : ", ", SIZES[i],
           rate(read_all, &read) * (double)SIZES[i]);
  }
  free(memory);
  const multiplier best = best_multiplier();
  printf("], \"multiply\": ");
  if (best.function == NULL) {
    printf("null}");
  } else {
    printf("{\"instruction\": \"%s\", \"macs_per_second\": %.0f}}", best.name,
           rate(best.function, NULL) * (double)best.macs);
  }
  return json_end();
}
