/*
 * A row of convolution output on 64-bit ARM without dot-product instructions: int8 in, int8 out, exact.
 *
 * A tile is PIXELS output pixels times 4 output channels. Each of its sums lives in one register, as four
 * partial sums: 16 products are added in pairs into eight int16 (smull, smlal2: two products of int8
 * values fit, since weights are never -128) and these in pairs into the four int32 (sadalp).
 *
 * What a pixel reads is `segments` runs of bytes, `segment_stride` apart (the rows of the filter), each
 * padded to `chunks` times 16. Weights are padded with zeros to the same length, so that the bytes after a
 * run are read but do not count; up to 15 bytes after the last pixel must be readable.
 *
 * Weights are packed [block of 4 channels][segment][chunk][channel][16].
 */
#ifndef EDGEKIT_NEON_CONVOLUTION_ROW_H
#define EDGEKIT_NEON_CONVOLUTION_ROW_H

#include <arm_neon.h>
#include <stdint.h>

enum { EK_CHANNELS = 4, EK_CHUNK = 16 };

typedef struct ek_row {
  const int8_t *x;          /* first byte that the first pixel reads */
  const int8_t *weights;
  const int32_t *bias;       /* one per channel, padded to whole blocks; so are the next two */
  const int32_t *multiplier;
  const int32_t *shift;      /* > 0: left */
  int8_t *out;               /* [pixels][channels] */
  int32_t pixels;            /* at least PIXELS */
  int32_t pixel_stride;      /* bytes between what neighbouring pixels read */
  int32_t segments;
  int32_t segment_stride;
  int32_t chunks;
  int32_t channels;
  int32_t zero_point;
  int32_t low;
  int32_t high;
} ek_row;

/*
 * TFLite's two roundings: a doubling high multiplication, then a right shift half away from zero. srshl
 * rounds half up, so negative values are lowered by one first; not where the shift is 0.
 */
static inline __attribute__((always_inline)) int32x4_t ek_scale(int32x4_t sum, int32x4_t multiplier,
                                                                int32x4_t shift, int general) {
  if (general) {
    sum = vshlq_s32(sum, vmaxq_s32(shift, vdupq_n_s32(0)));
    shift = vminq_s32(shift, vdupq_n_s32(0));
  }
  int32x4_t high = vqrdmulhq_s32(sum, multiplier);
  if (general) {
    high = vaddq_s32(high, vshrq_n_s32(vandq_s32(high, shift), 31));
  } else {
    high = vsraq_n_s32(high, high, 31);
  }
  return vrshlq_s32(high, shift);
}

/* One tile. `general` allows left shifts and shifts by nothing; PIXELS is a constant where it is inlined. */
static inline __attribute__((always_inline)) void ek_tile(const ek_row row, const int8_t *x, const int8_t *weights,
                                                          int8_t *out, int32_t channel, const int PIXELS,
                                                          const int general, const int whole) {
  int32x4_t sums[4][EK_CHANNELS];
  for (int p = 0; p < PIXELS; p++) {
    for (int c = 0; c < EK_CHANNELS; c++) sums[p][c] = vdupq_n_s32(0);
  }
  for (int32_t segment = 0; segment < row.segments; segment++) {
    const int8_t *run = x + segment * row.segment_stride;
    for (int32_t chunk = 0; chunk < row.chunks; chunk++) {
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
static inline __attribute__((always_inline)) void ek_convolve(const ek_row *given, const int PIXELS,
                                                              const int general) {
  const ek_row row = *given; /* a copy that no store through `out` can change: it stays in registers */
  const int32_t block_bytes = row.segments * row.chunks * EK_CHANNELS * EK_CHUNK;
  for (int32_t channel = 0; channel < row.channels; channel += EK_CHANNELS) {
    const int8_t *weights = row.weights + channel / EK_CHANNELS * block_bytes;
    for (int32_t pixel = 0; pixel < row.pixels; pixel += PIXELS) {
      const int32_t at = pixel + PIXELS <= row.pixels ? pixel : row.pixels - PIXELS;
      const int8_t *x = row.x + at * row.pixel_stride;
      int8_t *out = row.out + at * row.channels + channel;
      if (row.channels - channel >= EK_CHANNELS) {
        ek_tile(row, x, weights, out, channel, PIXELS, general, 1);
      } else {
        ek_tile(row, x, weights, out, channel, PIXELS, general, 0);
      }
    }
  }
}

#endif
