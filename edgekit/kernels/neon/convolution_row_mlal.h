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

enum { EK_CHANNELS = 4, EK_CHUNK = 16 };

/* One tile. `general` allows left shifts and shifts by nothing; PIXELS is a constant where it is inlined. */
static inline __attribute__((always_inline)) void ek_tile_mlal(const ek_row row, const int8_t *x, const int8_t *weights,
                                                          int8_t *out, int32_t channel, const int PIXELS,
                                                          const int general, const int whole) {
  int32x4_t sums[4][EK_CHANNELS];
  for (int p = 0; p < PIXELS; p++) {
    for (int c = 0; c < EK_CHANNELS; c++) sums[p][c] = vdupq_n_s32(0);
  }
  for (int32_t segment = 0; segment < row.segments; segment++) {
    const int8_t *run = x + segment * row.segment_stride;
    for (int32_t chunk = 0; chunk < row.units; chunk++) {
      int8x16_t values[4];
      for (int p = 0; p < PIXELS; p++) values[p] = vld1q_s8(run + p * row.pixel_stride);
      for (int c = 0; c < EK_CHANNELS; c++) {
        const int8x16_t weight = vld1q_s8(weights + c * EK_CHUNK);
        for (int p = 0; p < PIXELS; p++) {
          int16x8_t products = vmull_s8(vget_low_s8(values[p]), vget_low_s8(weight));
          products = vmlal_high_s8(products, values[p], weight);
          sums[p][c] = vpadalq_s16(sums[p][c], products);
        }
      }
      run += EK_CHUNK;
      weights += EK_CHANNELS * EK_CHUNK;
    }
  }
  const int32x4_t bias = vld1q_s32(row.bias + channel);
  const int32x4_t multiplier = vld1q_s32(row.multiplier + channel);
  const int32x4_t shift = vld1q_s32(row.shift + channel);
  int16x4_t narrow[4];
  for (int p = 0; p < PIXELS; p++) {
    const int32x4_t sum = vpaddq_s32(vpaddq_s32(sums[p][0], sums[p][1]), vpaddq_s32(sums[p][2], sums[p][3]));
    narrow[p] = vqmovn_s32(ek_scale(vaddq_s32(sum, bias), multiplier, shift, general));
  }
  const int16x8_t zero_point = vdupq_n_s16((int16_t)row.zero_point);
  const int8x8_t low = vdup_n_s8((int8_t)row.low), high = vdup_n_s8((int8_t)row.high);
  for (int p = 0; p < PIXELS; p += 2) {
    const int16x8_t pair = vcombine_s16(narrow[p], narrow[p + 1 < PIXELS ? p + 1 : p]);
    const int8x8_t bytes = vmax_s8(vmin_s8(vqmovn_s16(vqaddq_s16(pair, zero_point)), high), low);
    for (int half = 0; half < 2 && p + half < PIXELS; half++) {
      int8_t *to = out + (p + half) * row.channels;
      const uint32_t four = half ? vget_lane_u32(vreinterpret_u32_s8(bytes), 1)
                                 : vget_lane_u32(vreinterpret_u32_s8(bytes), 0);
      if (whole) {
        __builtin_memcpy(to, &four, sizeof four);
      } else {
        for (int32_t c = 0; c < row.channels - channel; c++) to[c] = (int8_t)(four >> (8 * c));
      }
    }
  }
}

/* All pixels of a row, one block of channels after the other. The last tile may overlap the one before it. */
static inline __attribute__((always_inline)) void ek_convolve_mlal(const ek_row *given, const int PIXELS,
                                                              const int general) {
  const ek_row row = *given; /* a copy that no store through `out` can change: it stays in registers */
  const int32_t block_bytes = row.segments * row.units * EK_CHANNELS * EK_CHUNK;
  for (int32_t channel = 0; channel < row.channels; channel += EK_CHANNELS) {
    const int8_t *weights = row.weights + channel / EK_CHANNELS * block_bytes;
    for (int32_t pixel = 0; pixel < row.pixels; pixel += PIXELS) {
      const int32_t at = pixel + PIXELS <= row.pixels ? pixel : row.pixels - PIXELS;
      const int8_t *x = row.x + at * row.pixel_stride;
      int8_t *out = row.out + at * row.channels + channel;
      if (row.channels - channel >= EK_CHANNELS) {
        ek_tile_mlal(row, x, weights, out, channel, PIXELS, general, 1);
      } else {
        ek_tile_mlal(row, x, weights, out, channel, PIXELS, general, 0);
      }
    }
  }
}

#endif
