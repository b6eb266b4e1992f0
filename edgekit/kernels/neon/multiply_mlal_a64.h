/*
 * The inner loops of convolution_row_mlal.h on 64-bit ARM, in assembly: a compiler copies registers about and
 * spills, where every one of the 32 has its place.
 *
 * v0 to v11: four pairs of input bytes of each of 3 pixels, each pair repeated over a register
 * v12 to v15: weights of 8 channels for four pairs
 * v28 to v31: products
 * the other 12: sums
 */
#ifndef EDGEKIT_NEON_MULTIPLY_MLAL_A64_H
#define EDGEKIT_NEON_MULTIPLY_MLAL_A64_H

#include "row.h"

enum { EK_MOST_VECTORS = 2 };

/* The steps of one run. */
typedef struct ek_steps {
  int32_t fours;
  int32_t twos;
  int32_t one;
  int64_t four_bytes; /* from the input of one step of four pairs to that of the next */
  int64_t two_bytes;
} ek_steps;

/* The steps of each run, and how many runs there are: runs of a single step are taken for one run of all steps. */
static inline __attribute__((always_inline)) ek_steps ek_steps_of(const ek_row *row, int32_t *runs) {
  ek_steps steps = {row->run >> 2, (row->run >> 1) & 1, row->run & 1, 8, 4};
  *runs = row->segments;
  if (row->run == 4) {
    steps.fours = row->segments;
    steps.four_bytes = row->segment_stride;
    *runs = 1;
  } else if (row->run == 2) {
    steps.twos = row->segments;
    steps.two_bytes = row->segment_stride;
    *runs = 1;
  }
  return steps;
}

/* Registers of pair j of pixel p. */
#define EK_X00 "v0"
#define EK_X01 "v1"
#define EK_X02 "v2"
#define EK_X03 "v3"
#define EK_X10 "v4"
#define EK_X11 "v5"
#define EK_X12 "v6"
#define EK_X13 "v7"
#define EK_X20 "v8"
#define EK_X21 "v9"
#define EK_X22 "v10"
#define EK_X23 "v11"
/* Of the weights for pair j. */
#define EK_W0 "v12"
#define EK_W1 "v13"
#define EK_W2 "v14"
#define EK_W3 "v15"

/* `name` (smull, smlal) and its twin for upper halves: products of pair j of pixel p, in two registers. */
#define EK_LONG(name, to, to2, p, j)                                                                         \
  #name " " to ".8h, " EK_W##j ".8b, " EK_X##p##j ".8b\n" #name "2 " to2 ".8h, " EK_W##j ".16b, " EK_X##p##j ".16b\n"
#define EK_SUM(p, lane, from) "sadalp %[s" #p #lane "].4s, " from ".8h\n"

/* The products of pairs a and b with the weights of a vector: channels of sums `low` and `high`. */
#define EK_CHAIN_1(low, high, a, b, p)                                                                       \
  EK_LONG(smull, "v28", "v29", p, a)                                                                         \
  EK_LONG(smlal, "v28", "v29", p, b)                                                                         \
  EK_SUM(p, low, "v28") EK_SUM(p, high, "v29")
/* As above for two pixels at a time, so that no instruction waits for the one before it. */
#define EK_CHAIN_2(low, high, a, b, p, q)                                                                    \
  EK_LONG(smull, "v28", "v29", p, a)                                                                         \
  EK_LONG(smull, "v30", "v31", q, a)                                                                         \
  EK_LONG(smlal, "v28", "v29", p, b)                                                                         \
  EK_LONG(smlal, "v30", "v31", q, b)                                                                         \
  EK_SUM(p, low, "v28") EK_SUM(p, high, "v29") EK_SUM(q, low, "v30") EK_SUM(q, high, "v31")
#define EK_PIXELS_1(low, high, a, b) EK_CHAIN_1(low, high, a, b, 0)
#define EK_PIXELS_2(low, high, a, b) EK_CHAIN_2(low, high, a, b, 0, 1)
#define EK_PIXELS_3(low, high, a, b) EK_CHAIN_2(low, high, a, b, 0, 1) EK_CHAIN_1(low, high, a, b, 2)

/* The same for a single pair. */
#define EK_LONE(low, high, p)                                                                                \
  EK_LONG(smull, "v28", "v29", p, 0)                                                                         \
  EK_SUM(p, low, "v28") EK_SUM(p, high, "v29")
#define EK_LONES_1(low, high) EK_LONE(low, high, 0)
#define EK_LONES_2(low, high) EK_LONES_1(low, high) EK_LONE(low, high, 1)
#define EK_LONES_3(low, high) EK_LONES_2(low, high) EK_LONE(low, high, 2)

/* Load what is repeated: four, two or one pair of each pixel. */
#define EK_FOUR_1 "ld4r {v0.8h, v1.8h, v2.8h, v3.8h}, [%[x0]], %[four]\n"
#define EK_FOUR_2 EK_FOUR_1 "ld4r {v4.8h, v5.8h, v6.8h, v7.8h}, [%[x1]], %[four]\n"
#define EK_FOUR_3 EK_FOUR_2 "ld4r {v8.8h, v9.8h, v10.8h, v11.8h}, [%[x2]], %[four]\n"
#define EK_TWO_1 "ld2r {v0.8h, v1.8h}, [%[x0]], %[two]\n"
#define EK_TWO_2 EK_TWO_1 "ld2r {v4.8h, v5.8h}, [%[x1]], %[two]\n"
#define EK_TWO_3 EK_TWO_2 "ld2r {v8.8h, v9.8h}, [%[x2]], %[two]\n"
#define EK_ONE_1 "ld1r {v0.8h}, [%[x0]], #2\n"
#define EK_ONE_2 EK_ONE_1 "ld1r {v4.8h}, [%[x1]], #2\n"
#define EK_ONE_3 EK_ONE_2 "ld1r {v8.8h}, [%[x2]], #2\n"

#define EK_LOAD_4 "ld1 {v12.16b, v13.16b, v14.16b, v15.16b}, [%[weights]], #64\n"
#define EK_LOAD_2 "ld1 {v12.16b, v13.16b}, [%[weights]], #32\n"
#define EK_LOAD_1 "ld1 {v12.16b}, [%[weights]], #16\n"

/* A step of four, two or one pair: for each vector of channels its weights, then the products. */
#define EK_VECTOR_OF_FOUR(P, low, high)                                                                      \
  EK_LOAD_4 EK_PIXELS_##P(low, high, 0, 1) EK_PIXELS_##P(low, high, 2, 3)
#define EK_VECTOR_OF_TWO(P, low, high) EK_LOAD_2 EK_PIXELS_##P(low, high, 0, 1)
#define EK_VECTOR_OF_ONE(P, low, high) EK_LOAD_1 EK_LONES_##P(low, high)
#define EK_VECTORS_1(of, P) of(P, 0, 1)
#define EK_VECTORS_2(of, P) of(P, 0, 1) of(P, 2, 3)

/*
 * All steps of a run. The loop over steps of four pairs holds two of them; where their number is odd it is entered
 * in the middle.
 */
#define EK_RUN(P, V)                                                                                         \
  "cbz %w[fours], 3f\n"                                                                                      \
  "tbnz %w[fours], #0, 2f\n"                                                                                 \
  "1:\n" EK_FOUR_##P EK_VECTORS_##V(EK_VECTOR_OF_FOUR, P)                                                    \
  "2:\n" EK_FOUR_##P EK_VECTORS_##V(EK_VECTOR_OF_FOUR, P)                                                    \
  "subs %w[fours], %w[fours], #2\n"                                                                          \
  "b.gt 1b\n"                                                                                                \
  "3:\n"                                                                                                     \
  "cbz %w[twos], 5f\n"                                                                                       \
  "4:\n" EK_TWO_##P EK_VECTORS_##V(EK_VECTOR_OF_TWO, P)                                                      \
  "subs %w[twos], %w[twos], #1\n"                                                                            \
  "b.gt 4b\n"                                                                                                \
  "5:\n"                                                                                                     \
  "cbz %w[one], 6f\n" EK_ONE_##P EK_VECTORS_##V(EK_VECTOR_OF_ONE, P)                                         \
  "6:\n"

#define EK_POINTERS_1 [x0] "+r"(x[0])
#define EK_POINTERS_2 EK_POINTERS_1, [x1] "+r"(x[1])
#define EK_POINTERS_3 EK_POINTERS_2, [x2] "+r"(x[2])
#define EK_SUMS_OF(p, a, b) [s##p##a] "+w"(sums[p][a]), [s##p##b] "+w"(sums[p][b])
#define EK_SUMS_1_1 EK_SUMS_OF(0, 0, 1)
#define EK_SUMS_2_1 EK_SUMS_1_1, EK_SUMS_OF(1, 0, 1)
#define EK_SUMS_3_1 EK_SUMS_2_1, EK_SUMS_OF(2, 0, 1)
#define EK_SUMS_1_2 EK_SUMS_1_1, EK_SUMS_OF(0, 2, 3)
#define EK_SUMS_2_2 EK_SUMS_1_2, EK_SUMS_OF(1, 0, 1), EK_SUMS_OF(1, 2, 3)
#define EK_SUMS_3_2 EK_SUMS_2_2, EK_SUMS_OF(2, 0, 1), EK_SUMS_OF(2, 2, 3)

/* Add to the sums of P pixels and V vectors of channels what one run gives; the pointers move past it. */
#define EK_MULTIPLY(P, V)                                                                                    \
  static inline __attribute__((always_inline)) const int8_t *ek_multiply_##P##_##V(                          \
      int32x4_t sums[][4], const int8_t **x, const int8_t *weights, ek_steps steps) {                        \
    __asm__(EK_RUN(P, V)                                                                                     \
            : EK_SUMS_##P##_##V, EK_POINTERS_##P, [weights] "+r"(weights), [fours] "+r"(steps.fours),        \
              [twos] "+r"(steps.twos)                                                                        \
            : [one] "r"(steps.one), [four] "r"(steps.four_bytes), [two] "r"(steps.two_bytes)                 \
            : "cc", "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11",      \
              "v12", "v13", "v14", "v15", "v28", "v29", "v30", "v31");                                       \
    return weights;                                                                                          \
  }

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Woverlength-strings" /* more than C99 promises, and than no compiler takes */
EK_MULTIPLY(1, 1)
EK_MULTIPLY(2, 1)
EK_MULTIPLY(3, 1)
EK_MULTIPLY(1, 2)
EK_MULTIPLY(2, 2)
EK_MULTIPLY(3, 2)
#pragma clang diagnostic pop

/* The one for so many pixels and vectors, which are constants where it is inlined. */
static inline __attribute__((always_inline)) const int8_t *ek_multiply(int32x4_t sums[][4], const int8_t **x,
                                                                       const int8_t *weights, const ek_steps *steps,
                                                                       const int pixels, const int vectors) {
  switch (2 * pixels + vectors) {
    case 2 * 3 + 2: return ek_multiply_3_2(sums, x, weights, *steps);
    case 2 * 3 + 1: return ek_multiply_3_1(sums, x, weights, *steps);
    case 2 * 2 + 2: return ek_multiply_2_2(sums, x, weights, *steps);
    case 2 * 2 + 1: return ek_multiply_2_1(sums, x, weights, *steps);
    case 2 * 1 + 2: return ek_multiply_1_2(sums, x, weights, *steps);
    default: return ek_multiply_1_1(sums, x, weights, *steps);
  }
}

#endif
