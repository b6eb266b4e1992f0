/*
 * A row of convolution output on 32-bit ARM with NEON: int8 in, int8 out, exact.
 *
 * As convolution_row_mlal.S on 64-bit ARM, with half the registers: a tile is 3 pixels, or what is left of a row,
 * times a vector of 8 channels. Input bytes are taken in pairs: a pair, repeated over 8 bytes, is multiplied by 2
 * weights of each of 4 channels; the products of two pairs are added in eight int16 (two products of int8 values fit,
 * since weights are never -128), and these two by two into four int32.
 *
 * A run is counted in pairs, taken in steps of two; one may be left. Weights are packed [block of 8 channels]
 * [segment][pair][channel][2], padded with zeros.
 *
 * The inner loops are in assembly, where every register has its place: compilers copy sums about and spill them.
 * q0 to q2: two pairs of input bytes of each pixel
 * q3, q4: the weights for them
 * q5 to q8: products
 * 6 others: sums
 */
#ifndef EDGEKIT_NEON_CONVOLUTION_ROW_MLAL_A32_H
#define EDGEKIT_NEON_CONVOLUTION_ROW_MLAL_A32_H

#include "row.h"

enum { EK_MOST_PIXELS = 3, EK_LANES = 8, EK_WIDE = 4 };

#define EK_MLAL_INLINE EK_NEON static inline __attribute__((always_inline))

/* The steps of one run. */
typedef struct ek_steps {
  int32_t twos;
  int32_t one;
  int32_t two_bytes; /* from the input of one step of two pairs to that of the next */
} ek_steps;

/* The steps of each run, and how many runs there are: runs of a single step are taken for one run of all steps. */
EK_MLAL_INLINE ek_steps ek_steps_of(const ek_row *row, int32_t *runs) {
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
  EK_MLAL_INLINE const int8_t *ek_multiply_##P(                        \
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
EK_MLAL_INLINE const int8_t *ek_multiply(int32x4_t sums[][2], const int8_t **x,
                                                                               const int8_t *weights,
                                                                               const ek_steps *steps,
                                                                               const int pixels) {
  switch (pixels) {
    case 3: return ek_multiply_3(sums, x, weights, *steps);
    case 2: return ek_multiply_2(sums, x, weights, *steps);
    default: return ek_multiply_1(sums, x, weights, *steps);
  }
}

/* Eight int16 of eight int32: saturated in the wide forms, elsewhere they fit. */
EK_MLAL_INLINE int16x8_t ek_narrow(int32x4_t low, int32x4_t high, const int form) {
  if (form & EK_WIDE) return vcombine_s16(vqmovn_s32(low), vqmovn_s32(high));
  return vcombine_s16(vmovn_s32(low), vmovn_s32(high));
}

/* The outputs of one pixel: scaled sums, offset and clamped. */
EK_MLAL_INLINE int8x8_t ek_offset(int16x8_t scaled, const ek_row *row, const int kind) {
  if (kind == EK_RELU) { /* the zero point is -128 */
    return vreinterpret_s8_u8(veor_u8(vqmovun_s16(scaled), vdup_n_u8(128)));
  }
  const int8x8_t bytes = vqmovn_s16(vqaddq_s16(scaled, vdupq_n_s16((int16_t)row->zero_point)));
  if (kind == EK_LINEAR) return bytes;
  return vmax_s8(vmin_s8(bytes, vdup_n_s8((int8_t)row->high)), vdup_n_s8((int8_t)row->low));
}

/* One tile. PIXELS is a constant where it is inlined; `count` is how many of its channels exist. */
EK_MLAL_INLINE void ek_tile_mlal(const ek_row *row, const ek_steps *steps, int32_t runs, const int8_t *x,
                                 const int8_t *weights, int8_t *out, int32_t channel, int32_t count,
                                 const int PIXELS, const int form) {
  const int kind = form & ~EK_WIDE;
  int32x4_t sums[EK_MOST_PIXELS][2];
  const int8_t *from[EK_MOST_PIXELS];
  EK_UNROLL
  for (int p = 0; p < PIXELS; p++) {
    sums[p][0] = vld1q_s32(row->bias + channel);
    sums[p][1] = vld1q_s32(row->bias + channel + 4);
    from[p] = x;
    x += row->pixel_stride;
  }
  const int32_t next_run = row->segment_stride - 2 * row->run;
  for (;;) {
    weights = ek_multiply(sums, from, weights, steps, PIXELS);
    if (--runs == 0) break;
    for (int p = 0; p < PIXELS; p++) from[p] += next_run;
  }
  int32x4_t multiplier[2], shift[2];
  EK_UNROLL
  for (int half = 0; half < 2; half++) {
    multiplier[half] = vld1q_s32(row->multiplier + channel + 4 * half);
    shift[half] = vld1q_s32(row->shift + channel + 4 * half);
  }
  int8x8_t bytes[EK_MOST_PIXELS];
  EK_UNROLL
  for (int p = 0; p < PIXELS; p++) {
    const int32x4_t low = ek_scale(sums[p][0], multiplier[0], shift[0], kind);
    const int32x4_t high = ek_scale(sums[p][1], multiplier[1], shift[1], kind);
    bytes[p] = ek_offset(ek_narrow(low, high, form), row, kind);
  }
  EK_UNROLL
  for (int p = 0; p < PIXELS; p++) {
    if (count >= EK_LANES) {
      vst1_s8(out, bytes[p]);
    } else {
      ek_store_some(out, vget_lane_u64(vreinterpret_u64_s8(bytes[p]), 0), count);
    }
    out += row->channels;
  }
}

/* All pixels of a row, one block of channels after the other. */
EK_MLAL_INLINE void ek_convolve_mlal(const ek_row *given, const int form) {
  const ek_row row = *given; /* a copy that no store through `out` can change */
  int32_t runs;
  const ek_steps steps = ek_steps_of(&row, &runs);
  const int8_t *weights = row.weights;
  for (int32_t channel = 0; channel < row.channels; channel += EK_LANES) {
    const int8_t *x = row.x;
    int8_t *out = row.out + channel;
    const int32_t count = row.channels - channel;
    int32_t left = row.pixels;
    for (; left >= EK_MOST_PIXELS; left -= EK_MOST_PIXELS) {
      ek_tile_mlal(&row, &steps, runs, x, weights, out, channel, count, EK_MOST_PIXELS, form);
      x += EK_MOST_PIXELS * row.pixel_stride;
      out += EK_MOST_PIXELS * row.channels;
    }
    if (left == 2) ek_tile_mlal(&row, &steps, runs, x, weights, out, channel, count, 2, form);
    if (left == 1) ek_tile_mlal(&row, &steps, runs, x, weights, out, channel, count, 1, form);
    weights += row.segments * row.run * 2 * EK_LANES;
  }
}

#endif
