/*
 * A row of convolution output on 64-bit ARM without dot-product instructions: int8 in, int8 out, exact.
 *
 * A tile is PIXELS output pixels times 4 output channels. Each of its sums lives in one register, as four
 * partial sums: 16 products are added in pairs into eight int16 (smull, smlal2: two products of int8
 * values fit, since weights are never -128) and these in pairs into the four int32 (sadalp).
 *
 * A run is counted in chunks of 16 bytes. Weights are packed [block of 4 channels][segment][chunk][channel][16],
 * padded with zeros.
 */
#ifndef EDGEKIT_NEON_CONVOLUTION_ROW_MLAL_H
#define EDGEKIT_NEON_CONVOLUTION_ROW_MLAL_H

#include "row.h"

enum { EK_MOST_PIXELS = 4, EK_CHANNELS = 4, EK_CHUNK = 16 };

#define EK_MLAL_INLINE EK_NEON static inline __attribute__((always_inline))

/* The sum of each of four vectors. */
EK_MLAL_INLINE int32x4_t ek_add_across(const int32x4_t *sums) {
#ifdef __aarch64__
  return vpaddq_s32(vpaddq_s32(sums[0], sums[1]), vpaddq_s32(sums[2], sums[3]));
#else
  int32x2_t pairs[EK_CHANNELS];
  EK_UNROLL
  for (int c = 0; c < EK_CHANNELS; c++) pairs[c] = vadd_s32(vget_low_s32(sums[c]), vget_high_s32(sums[c]));
  return vcombine_s32(vpadd_s32(pairs[0], pairs[1]), vpadd_s32(pairs[2], pairs[3]));
#endif
}

/* Add one chunk's products to the sums of all pixels and channels, or begin them with it. */
EK_MLAL_INLINE void ek_chunk_mlal(int32x4_t sums[][EK_CHANNELS], const int8_t *x, int32_t pixel_stride,
                                  const int8_t *weights, const int PIXELS, const int first) {
  int8x16_t values[EK_MOST_PIXELS];
  EK_UNROLL
  for (int p = 0; p < PIXELS; p++) values[p] = vld1q_s8(x + p * pixel_stride);
  EK_UNROLL
  for (int c = 0; c < EK_CHANNELS; c++) {
    const int8x16_t weight = vld1q_s8(weights + c * EK_CHUNK);
    EK_UNROLL
    for (int p = 0; p < PIXELS; p++) {
      const int16x8_t low = vmull_s8(vget_low_s8(values[p]), vget_low_s8(weight));
      const int16x8_t products = vmlal_s8(low, vget_high_s8(values[p]), vget_high_s8(weight));
      sums[p][c] = first ? vpaddlq_s16(products) : vpadalq_s16(sums[p][c], products);
    }
  }
}

/* One tile. PIXELS is a constant where it is inlined; `whole` where all of its channels exist. */
EK_MLAL_INLINE void ek_tile_mlal(const ek_row row, const int8_t *x, const int8_t *weights, int8_t *out,
                                 int32_t channel, const int PIXELS, const int form, const int whole) {
  int32x4_t sums[EK_MOST_PIXELS][EK_CHANNELS];
  ek_chunk_mlal(sums, x, row.pixel_stride, weights, PIXELS, 1);
  weights += EK_CHANNELS * EK_CHUNK;
  const int8_t *run = x + EK_CHUNK;
  int32_t segments = row.segments, left = row.run - 1;
  for (;;) {
    for (; left > 0; left--) {
      ek_chunk_mlal(sums, run, row.pixel_stride, weights, PIXELS, 0);
      run += EK_CHUNK;
      weights += EK_CHANNELS * EK_CHUNK;
    }
    if (--segments == 0) break;
    x += row.segment_stride;
    run = x;
    left = row.run;
  }
  const int32x4_t bias = vld1q_s32(row.bias + channel);
  const int32x4_t multiplier = vld1q_s32(row.multiplier + channel);
  const int32x4_t shift = vld1q_s32(row.shift + channel);
  int16x4_t narrow[EK_MOST_PIXELS];
  EK_UNROLL
  for (int p = 0; p < PIXELS; p++) {
    const int32x4_t sum = ek_add_across(sums[p]);
    narrow[p] = vqmovn_s32(ek_scale(vaddq_s32(sum, bias), multiplier, shift, form));
  }
  const int16x8_t zero_point = vdupq_n_s16((int16_t)row.zero_point);
  const int8x8_t low = vdup_n_s8((int8_t)row.low), high = vdup_n_s8((int8_t)row.high);
  EK_UNROLL
  for (int p = 0; p < PIXELS; p += 2) {
    const int16x8_t pair = vcombine_s16(narrow[p], narrow[p + 1 < PIXELS ? p + 1 : p]);
    int8x8_t bytes = vqmovn_s16(vqaddq_s16(pair, zero_point));
    if (form == EK_GENERAL) bytes = vmax_s8(vmin_s8(bytes, high), low);
    EK_UNROLL
    for (int half = 0; half < 2 && p + half < PIXELS; half++) {
      int8_t *to = out + (p + half) * row.channels;
      const uint32_t four = half ? vget_lane_u32(vreinterpret_u32_s8(bytes), 1)
                                 : vget_lane_u32(vreinterpret_u32_s8(bytes), 0);
      if (whole) {
        __builtin_memcpy(to, &four, sizeof four);
      } else {
        ek_store_some(to, four, row.channels - channel);
      }
    }
  }
}

/* One block of channels of all pixels. The last tile may overlap the one before it. */
EK_MLAL_INLINE void ek_block_mlal(const ek_row row, const int8_t *weights, int32_t channel, const int PIXELS,
                                  const int form, const int whole) {
  const int8_t *x = row.x;
  int8_t *out = row.out + channel;
  for (int32_t left = row.pixels - PIXELS;; left -= PIXELS) {
    ek_tile_mlal(row, x, weights, out, channel, PIXELS, form, whole);
    if (left <= 0) break;
    const int32_t step = left < PIXELS ? left : PIXELS;
    x += step * row.pixel_stride;
    out += step * row.channels;
    EK_OPAQUE(x);
    EK_OPAQUE(out);
  }
}

/* All pixels of a row, one block of channels after the other. */
EK_MLAL_INLINE void ek_convolve_mlal(const ek_row *given, const int PIXELS, const int form) {
  const ek_row row = *given; /* a copy that no store through `out` can change: it stays in registers */
  const int32_t block_bytes = row.segments * row.run * EK_CHANNELS * EK_CHUNK;
  const int8_t *weights = row.weights;
  int32_t channel = 0;
  for (; channel <= row.channels - EK_CHANNELS; channel += EK_CHANNELS) {
    ek_block_mlal(row, weights, channel, PIXELS, form, 1);
    weights += block_bytes;
  }
  if (channel < row.channels) ek_block_mlal(row, weights, channel, PIXELS, form, 0);
}

#endif
