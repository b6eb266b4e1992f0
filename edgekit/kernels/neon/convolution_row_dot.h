/*
 * A row of convolution output on 64-bit ARM with dot-product instructions: int8 in, int8 out, exact.
 *
 * A tile is PIXELS output pixels times QUADS vectors of 4 output channels. Each vector of sums lives in one
 * register; sdot adds to each of its 4 channels the products of 4 input bytes, taken from one lane of what
 * the pixel reads, with 4 weights of that channel.
 *
 * A run is counted in units of 4 bytes. Weights are packed [block of 4 * QUADS channels][segment][unit]
 * [channel][4], padded with zeros.
 */
#ifndef EDGEKIT_NEON_CONVOLUTION_ROW_DOT_H
#define EDGEKIT_NEON_CONVOLUTION_ROW_DOT_H

#include "row.h"

#define EK_DOT_INLINE static inline __attribute__((always_inline, target("dotprod")))

enum { EK_MOST_PIXELS = 4, EK_MOST_QUADS = 4, EK_UNIT = 4, EK_UNITS_LOADED = 4 };

/* The products of one unit, which lies in lane LANE of what each pixel reads. */
#define EK_DOT_UNIT(LANE)                                                                                    \
  do {                                                                                                       \
    EK_UNROLL for (int q = 0; q < QUADS; q++) {                                                                        \
      const int8x16_t weight = vld1q_s8(weights + 16 * q);                                                   \
      EK_UNROLL for (int p = 0; p < PIXELS; p++) sums[p][q] = vdotq_laneq_s32(sums[p][q], weight, values[p], LANE);    \
    }                                                                                                        \
    weights += 16 * QUADS;                                                                                   \
  } while (0)

/* Scale the sums of one pixel and store them; `count` is how many of its channels exist. */
EK_DOT_INLINE void ek_store_dot(const ek_row row, const int32x4_t *sums, int32_t channel, int8_t *out, int32_t count,
                                const int QUADS, const int form) {
  const int16x8_t zero_point = vdupq_n_s16((int16_t)row.zero_point);
  int16x4_t narrow[EK_MOST_QUADS];
  EK_UNROLL
  for (int q = 0; q < QUADS; q++) {
    const int32x4_t multiplier = vld1q_s32(row.multiplier + channel + 4 * q);
    const int32x4_t shift = vld1q_s32(row.shift + channel + 4 * q);
    narrow[q] = vqmovn_s32(ek_scale(sums[q], multiplier, shift, form));
  }
  EK_UNROLL
  for (int q = 0; q < QUADS; q += 2) {
    int8x8_t bytes = vqmovn_s16(vqaddq_s16(vcombine_s16(narrow[q], narrow[q + 1]), zero_point));
    if (form == EK_GENERAL) bytes = vmax_s8(vmin_s8(bytes, vdup_n_s8((int8_t)row.high)), vdup_n_s8((int8_t)row.low));
    if (count >= 4 * (q + 2)) {
      vst1_s8(out + 4 * q, bytes);
    } else {
      ek_store_some(out + 4 * q, vget_lane_u64(vreinterpret_u64_s8(bytes), 0), count - 4 * q);
    }
  }
}

/* One tile. PIXELS and QUADS are constants where it is inlined. */
EK_DOT_INLINE void ek_tile_dot(const ek_row row, const int8_t *x, const int8_t *weights, int8_t *out, int32_t channel,
                               int32_t count, const int PIXELS, const int QUADS, const int form) {
  int32x4_t sums[EK_MOST_PIXELS][EK_MOST_QUADS];
  EK_UNROLL
  for (int q = 0; q < QUADS; q++) {
    const int32x4_t bias = vld1q_s32(row.bias + channel + 4 * q);
    EK_UNROLL
    for (int p = 0; p < PIXELS; p++) sums[p][q] = bias;
  }
  for (int32_t segment = 0; segment < row.segments; segment++) {
    const int8_t *run = x + segment * row.segment_stride;
    int8x16_t values[EK_MOST_PIXELS];
    int32_t left = row.run;
    for (; left >= EK_UNITS_LOADED; left -= EK_UNITS_LOADED) {
      EK_UNROLL
      for (int p = 0; p < PIXELS; p++) values[p] = vld1q_s8(run + p * row.pixel_stride);
      EK_DOT_UNIT(0);
      EK_DOT_UNIT(1);
      EK_DOT_UNIT(2);
      EK_DOT_UNIT(3);
      run += EK_UNITS_LOADED * EK_UNIT;
    }
    if (left > 0) {
      EK_UNROLL
      for (int p = 0; p < PIXELS; p++) values[p] = vld1q_s8(run + p * row.pixel_stride);
      EK_DOT_UNIT(0);
      if (left > 1) EK_DOT_UNIT(1);
      if (left > 2) EK_DOT_UNIT(2);
    }
  }
  EK_UNROLL
  for (int p = 0; p < PIXELS; p++) {
    ek_store_dot(row, sums[p], channel, out + p * row.channels, count, QUADS, form);
  }
}

/* All pixels of a row, one block of channels after the other. The last tile may overlap the one before it. */
EK_DOT_INLINE void ek_convolve_dot(const ek_row *given, const int PIXELS, const int QUADS, const int form) {
  const ek_row row = *given; /* a copy that no store through `out` can change: it stays in registers */
  const int32_t block = 4 * QUADS;
  for (int32_t channel = 0; channel < row.channels; channel += block) {
    const int8_t *weights = row.weights + channel * row.segments * row.run * EK_UNIT;
    for (int32_t pixel = 0; pixel < row.pixels; pixel += PIXELS) {
      const int32_t at = pixel + PIXELS <= row.pixels ? pixel : row.pixels - PIXELS;
      const int8_t *x = row.x + at * row.pixel_stride;
      int8_t *out = row.out + at * row.channels + channel;
      if (row.channels - channel >= block) {
        ek_tile_dot(row, x, weights, out, channel, block, PIXELS, QUADS, form);
      } else {
        ek_tile_dot(row, x, weights, out, channel, row.channels - channel, PIXELS, QUADS, form);
      }
    }
  }
}

#endif
