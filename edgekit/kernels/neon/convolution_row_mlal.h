/*
 * A row of convolution output on ARM, 64-bit and 32-bit, without dot-product instructions: int8 in, int8 out, exact.
 *
 * A tile is up to 3 output pixels times 1 or 2 vectors of 8 channels. Its sums live in registers, 4 channels in each.
 * Input bytes are taken in pairs: a pair, repeated over a register, is multiplied by 2 weights of each of 4 channels;
 * the products of two pairs are added in eight int16 (smull, smlal: two products of int8 values fit, since weights
 * are never -128), and these two by two into four int32 (sadalp). No sum is ever added across a register.
 *
 * A run is counted in pairs, taken in steps of four; what is left is a step of two, of one, or both. Weights are
 * packed [block of 16 channels][segment][step][vector][pair of the step][channel of the vector][2], padded with
 * zeros; 8 channels or less at the end are a block of one vector. On 32-bit ARM all blocks are.
 */
#ifndef EDGEKIT_NEON_CONVOLUTION_ROW_MLAL_H
#define EDGEKIT_NEON_CONVOLUTION_ROW_MLAL_H

#include "row.h"

enum { EK_MOST_PIXELS = 3, EK_LANES = 8 };

#define EK_MLAL_INLINE EK_NEON static inline __attribute__((always_inline))

#ifdef __aarch64__
#include "multiply_mlal_a64.h"
#else
#include "multiply_mlal_a32.h"
#endif

/* Eight int16 of eight int32: saturated in the general form, elsewhere they fit. */
EK_MLAL_INLINE int16x8_t ek_narrow(int32x4_t low, int32x4_t high, const int form) {
  if (form == EK_GENERAL) return vcombine_s16(vqmovn_s32(low), vqmovn_s32(high));
#ifdef __aarch64__
  return vuzp1q_s16(vreinterpretq_s16_s32(low), vreinterpretq_s16_s32(high));
#else
  return vcombine_s16(vmovn_s32(low), vmovn_s32(high));
#endif
}

/* Sixteen outputs: scaled sums, offset and clamped. */
EK_MLAL_INLINE int8x16_t ek_offset(int16x8_t low, int16x8_t high, const ek_row *row, const int form) {
  if (form == EK_RELU) { /* the zero point is -128 */
    const uint8x16_t above = vcombine_u8(vqmovun_s16(low), vqmovun_s16(high));
    return vreinterpretq_s8_u8(veorq_u8(above, vdupq_n_u8(128)));
  }
  const int16x8_t zero_point = vdupq_n_s16((int16_t)row->zero_point);
  const int8x8_t bytes = vqmovn_s16(vqaddq_s16(low, zero_point));
  const int8x16_t all = vcombine_s8(bytes, vqmovn_s16(vqaddq_s16(high, zero_point)));
  if (form == EK_LINEAR) return all;
  return vmaxq_s8(vminq_s8(all, vdupq_n_s8((int8_t)row->high)), vdupq_n_s8((int8_t)row->low));
}

/* Store the outputs of one pixel; `count` is how many of its channels exist. */
EK_MLAL_INLINE void ek_store_mlal(int8_t *out, int8x16_t bytes, int32_t count) {
  const uint64x2_t halves = vreinterpretq_u64_s8(bytes);
  if (count < EK_LANES) {
    ek_store_some(out, vgetq_lane_u64(halves, 0), count);
  } else {
    vst1_s8(out, vget_low_s8(bytes));
    ek_store_some(out + EK_LANES, vgetq_lane_u64(halves, 1), count - EK_LANES);
  }
}

/* One tile. PIXELS and VECTORS are constants where it is inlined; `count` is how many of its channels exist. */
EK_MLAL_INLINE void ek_tile_mlal(const ek_row *row, const ek_steps *steps, int32_t runs, const int8_t *x,
                                 const int8_t *weights, int8_t *out, int32_t channel, int32_t count,
                                 const int PIXELS, const int VECTORS, const int form) {
  int32x4_t sums[EK_MOST_PIXELS][2 * EK_MOST_VECTORS];
  const int8_t *from[EK_MOST_PIXELS];
  const int32_t *bias = row->bias + channel;
  EK_UNROLL
  for (int p = 0; p < PIXELS; p++) {
    EK_UNROLL
    for (int q = 0; q < 2 * VECTORS; q++) sums[p][q] = vld1q_s32(bias + 4 * q);
    EK_OPAQUE(bias); /* loaded for each pixel: two registers an instruction, where copies take one each */
    from[p] = x;
    x += row->pixel_stride;
  }
  const int32_t next_run = row->segment_stride - 2 * row->run;
  for (;;) {
    weights = ek_multiply(sums, from, weights, steps, PIXELS, VECTORS);
    if (--runs == 0) break;
    for (int p = 0; p < PIXELS; p++) from[p] += next_run;
  }
  int32x4_t multiplier[2 * EK_MOST_VECTORS], shift[2 * EK_MOST_VECTORS];
  EK_UNROLL
  for (int q = 0; q < 2 * VECTORS; q++) {
    multiplier[q] = vld1q_s32(row->multiplier + channel + 4 * q);
    shift[q] = vld1q_s32(row->shift + channel + 4 * q);
  }
  int8x16_t bytes[EK_MOST_PIXELS];
  EK_UNROLL
  for (int p = 0; p < PIXELS; p++) {
    int16x8_t narrow[EK_MOST_VECTORS];
    EK_UNROLL
    for (int v = 0; v < VECTORS; v++) {
      const int32x4_t low = ek_scale(sums[p][2 * v], multiplier[2 * v], shift[2 * v], form);
      const int32x4_t high = ek_scale(sums[p][2 * v + 1], multiplier[2 * v + 1], shift[2 * v + 1], form);
      narrow[v] = ek_narrow(low, high, form);
    }
    bytes[p] = ek_offset(narrow[0], narrow[VECTORS - 1], row, form);
  }
  const int whole = count >= VECTORS * EK_LANES;
  EK_UNROLL
  for (int p = 0; p < PIXELS; p++) {
    if (!whole) {
      ek_store_mlal(out, bytes[p], count);
    } else if (VECTORS == 2) {
      vst1q_s8(out, bytes[p]);
    } else {
      vst1_s8(out, vget_low_s8(bytes[p]));
    }
    out += row->channels;
  }
}

/* All pixels of one block of channels. */
EK_MLAL_INLINE void ek_block_mlal(const ek_row *row, const ek_steps *steps, int32_t runs, const int8_t *weights,
                                  int32_t channel, const int VECTORS, const int form) {
  const int8_t *x = row->x;
  int8_t *out = row->out + channel;
  const int32_t count = row->channels - channel;
  int32_t left = row->pixels;
  for (; left >= EK_MOST_PIXELS; left -= EK_MOST_PIXELS) {
    ek_tile_mlal(row, steps, runs, x, weights, out, channel, count, EK_MOST_PIXELS, VECTORS, form);
    x += EK_MOST_PIXELS * row->pixel_stride;
    out += EK_MOST_PIXELS * row->channels;
  }
  if (left == 2) ek_tile_mlal(row, steps, runs, x, weights, out, channel, count, 2, VECTORS, form);
  if (left == 1) ek_tile_mlal(row, steps, runs, x, weights, out, channel, count, 1, VECTORS, form);
}

/* All pixels of a row, one block of channels after the other. */
EK_MLAL_INLINE void ek_convolve_mlal(const ek_row *given, const int form) {
  const ek_row row = *given; /* a copy that no store through `out` can change */
  int32_t runs;
  const ek_steps steps = ek_steps_of(&row, &runs);
  const int8_t *weights = row.weights;
  int32_t channel = 0;
  for (; row.channels - channel > EK_LANES; channel += EK_MOST_VECTORS * EK_LANES) {
    ek_block_mlal(&row, &steps, runs, weights, channel, EK_MOST_VECTORS, form);
    weights += row.segments * row.run * 2 * EK_MOST_VECTORS * EK_LANES;
  }
  if (channel < row.channels) ek_block_mlal(&row, &steps, runs, weights, channel, 1, form);
}

#endif
