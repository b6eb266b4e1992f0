/*
 * What the kernels for rows of convolution output share: their operands, and the exact scaling of sums.
 */
#ifndef EDGEKIT_NEON_ROW_H
#define EDGEKIT_NEON_ROW_H

#include <arm_neon.h>
#include <stdint.h>

/*
 * The operands of one row. What a pixel reads is `segments` runs of bytes, `segment_stride` apart: the rows
 * of the filter. How long a run is, each kernel counts in units of its own. Up to 15 bytes after the last
 * run are read and do not count, since the weights there are 0.
 */
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
  int32_t units;             /* in a run */
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

/* The parameters that schedules pass, in their order. */
#define EK_ROW_PARAMETERS                                                                                    \
  const int8_t *x, const int8_t *weights, const int32_t *bias, const int32_t *multiplier,                    \
      const int32_t *shift, int8_t *out, int32_t pixels, int32_t pixel_stride, int32_t segments,             \
      int32_t segment_stride, int32_t units, int32_t channels, int32_t zero_point, int32_t low, int32_t high

/* Define a function, with the attributes of EK_ROW_TARGET, that makes an ek_row of its parameters and hands it to `body`. */
#define EK_ROW_FUNCTION(name, body)                                                                          \
  void name(EK_ROW_PARAMETERS);                                                                              \
  EK_ROW_TARGET void name(EK_ROW_PARAMETERS) {                                                                             \
    const ek_row row = {x,        weights,        bias,  multiplier, shift,      out, pixels, pixel_stride,  \
                        segments, segment_stride, units, channels,   zero_point, low, high};                 \
    body;                                                                                                    \
  }

#endif
