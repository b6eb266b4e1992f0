/*
 * The inner loops of convolution_row_mlal.h on 32-bit ARM, in assembly as on 64-bit ARM (multiply_mlal_a64.h). The 16
 * registers hold a single vector of channels, and steps are of two pairs.
 *
 * q0 to q2: two pairs of input bytes of each of 3 pixels, each pair repeated over half a register
 * q3, q4: weights of 8 channels for two pairs
 * q5 to q8: products
 * 6 others: sums
 */
#ifndef EDGEKIT_NEON_MULTIPLY_MLAL_A32_H
#define EDGEKIT_NEON_MULTIPLY_MLAL_A32_H

#include "row.h"

enum { EK_MOST_VECTORS = 1 };

/* The steps of one run. */
typedef struct ek_steps {
  int32_t twos;
  int32_t one;
  int32_t two_bytes; /* from the input of one step of two pairs to that of the next */
} ek_steps;

/* The steps of each run, and how many runs there are: runs of a single step are taken for one run of all steps. */
EK_NEON static inline __attribute__((always_inline)) ek_steps ek_steps_of(const ek_row *row, int32_t *runs) {
  const int is_one_step = row->run == 2;
  *runs = is_one_step ? 1 : row->segments;
  const ek_steps steps = {
      is_one_step ? row->segments : row->run >> 1,
      row->run & 1,
      is_one_step ? row->segment_stride : 4,
  };
  return steps;
}

/* Registers of pair j of pixel p; of the weights of channels 0 to 3 and 4 to 7 for pair j. */
#define EK_X00 "d0"
#define EK_X01 "d1"
#define EK_X10 "d2"
#define EK_X11 "d3"
#define EK_X20 "d4"
#define EK_X21 "d5"
#define EK_W00 "d6"
#define EK_W01 "d7"
#define EK_W10 "d8"
#define EK_W11 "d9"

#define EK_LONG(name, to, to2, p, j)                                                                         \
  #name ".s8 " to ", " EK_W##j##0 ", " EK_X##p##j "\n" #name ".s8 " to2 ", " EK_W##j##1 ", " EK_X##p##j "\n"
#define EK_SUM(p, lane, from) "vpadal.s16 %q[s" #p #lane "], " from "\n"

#define EK_CHAIN_1(p)                                                                                        \
  EK_LONG(vmull, "q5", "q6", p, 0) EK_LONG(vmlal, "q5", "q6", p, 1) EK_SUM(p, 0, "q5") EK_SUM(p, 1, "q6")
#define EK_CHAIN_2(p, q)                                                                                     \
  EK_LONG(vmull, "q5", "q6", p, 0)                                                                           \
  EK_LONG(vmull, "q7", "q8", q, 0)                                                                           \
  EK_LONG(vmlal, "q5", "q6", p, 1)                                                                           \
  EK_LONG(vmlal, "q7", "q8", q, 1)                                                                           \
  EK_SUM(p, 0, "q5") EK_SUM(p, 1, "q6") EK_SUM(q, 0, "q7") EK_SUM(q, 1, "q8")
#define EK_PIXELS_1 EK_CHAIN_1(0)
#define EK_PIXELS_2 EK_CHAIN_2(0, 1)
#define EK_PIXELS_3 EK_CHAIN_2(0, 1) EK_CHAIN_1(2)
#define EK_LONE(p) EK_LONG(vmull, "q5", "q6", p, 0) EK_SUM(p, 0, "q5") EK_SUM(p, 1, "q6")
#define EK_LONES_1 EK_LONE(0)
#define EK_LONES_2 EK_LONES_1 EK_LONE(1)
#define EK_LONES_3 EK_LONES_2 EK_LONE(2)

#define EK_TWO_1 "vld2.16 {d0[], d1[]}, [%[x0]], %[two]\n"
#define EK_TWO_2 EK_TWO_1 "vld2.16 {d2[], d3[]}, [%[x1]], %[two]\n"
#define EK_TWO_3 EK_TWO_2 "vld2.16 {d4[], d5[]}, [%[x2]], %[two]\n"
#define EK_ONE_1 "vld1.16 {d0[]}, [%[x0]]!\n"
#define EK_ONE_2 EK_ONE_1 "vld1.16 {d2[]}, [%[x1]]!\n"
#define EK_ONE_3 EK_ONE_2 "vld1.16 {d4[]}, [%[x2]]!\n"

#define EK_STEP(P) EK_TWO_##P "vld1.8 {d6, d7, d8, d9}, [%[weights]]!\n" EK_PIXELS_##P

/* All steps of a run: the loop holds two, and is entered in the middle where their number is odd. */
#define EK_RUN(P)                                                                                            \
  "cmp %[twos], #0\n"                                                                                        \
  "beq 3f\n"                                                                                                 \
  "tst %[twos], #1\n"                                                                                        \
  "bne 2f\n"                                                                                                 \
  "1:\n" EK_STEP(P)                                                                                          \
  "2:\n" EK_STEP(P)                                                                                          \
  "subs %[twos], %[twos], #2\n"                                                                              \
  "bgt 1b\n"                                                                                                 \
  "3:\n"                                                                                                     \
  "cmp %[one], #0\n"                                                                                         \
  "beq 4f\n" EK_ONE_##P "vld1.8 {d6, d7}, [%[weights]]!\n" EK_LONES_##P                                      \
  "4:\n"

#define EK_POINTERS_1 [x0] "+r"(x[0])
#define EK_POINTERS_2 EK_POINTERS_1, [x1] "+r"(x[1])
#define EK_POINTERS_3 EK_POINTERS_2, [x2] "+r"(x[2])
#define EK_SUMS_1 [s00] "+w"(sums[0][0]), [s01] "+w"(sums[0][1])
#define EK_SUMS_2 EK_SUMS_1, [s10] "+w"(sums[1][0]), [s11] "+w"(sums[1][1])
#define EK_SUMS_3 EK_SUMS_2, [s20] "+w"(sums[2][0]), [s21] "+w"(sums[2][1])

/* Add to the sums of P pixels and a vector of channels what one run gives; the pointers move past it. */
#define EK_MULTIPLY(P)                                                                                       \
  EK_NEON static inline __attribute__((always_inline)) const int8_t *ek_multiply_##P(                        \
      int32x4_t sums[][2], const int8_t **x, const int8_t *weights, ek_steps steps) {                        \
    __asm__(EK_RUN(P)                                                                                        \
            : EK_SUMS_##P, EK_POINTERS_##P, [weights] "+r"(weights), [twos] "+r"(steps.twos)                 \
            : [one] "r"(steps.one), [two] "r"(steps.two_bytes)                                               \
            : "cc", "memory", "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8");                         \
    return weights;                                                                                          \
  }

EK_MULTIPLY(1)
EK_MULTIPLY(2)
EK_MULTIPLY(3)

/* The one for so many pixels, a constant where it is inlined. */
EK_NEON static inline __attribute__((always_inline)) const int8_t *ek_multiply(int32x4_t sums[][2], const int8_t **x,
                                                                               const int8_t *weights,
                                                                               const ek_steps *steps,
                                                                               const int pixels, const int vectors) {
  (void)vectors;
  switch (pixels) {
    case 3: return ek_multiply_3(sums, x, weights, *steps);
    case 2: return ek_multiply_2(sums, x, weights, *steps);
    default: return ek_multiply_1(sums, x, weights, *steps);
  }
}

#endif
