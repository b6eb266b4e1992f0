/*
 * What the kernels for rows of convolution output share: their operands, and the exact scaling of sums.
 */
#ifndef EDGEKIT_NEON_ROW_H
#define EDGEKIT_NEON_ROW_H

#include <arm_neon.h>
#include <stdint.h>

/* 32-bit ARM compilers take NEON for optional. */
#ifdef __ARM_ARCH_7A__
#define EK_NEON __attribute__((target("neon")))
#else
#define EK_NEON
#endif

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
 * Hides from the compiler where an address or offset comes from. Otherwise it would turn sums of strides into a
 * dozen pointers, each of them advanced in the inner loop.
 */
#define EK_OPAQUE(value) __asm__("" : "+r"(value))

/* Before a loop whose bounds are constants: arrays that it indexes must become registers. */
#define EK_UNROLL _Pragma("clang loop unroll(full)")

/*
 * Forms of scaling, cheapest first: a clamp at the zero point, which is -128, so that it is all one how a value
 * below it is rounded; no clamp but that of narrowing; any clamp and any shift. The others shift right by 1 or more.
 */
enum { EK_RELU, EK_LINEAR, EK_GENERAL };

/*
 * TFLite's two roundings: a doubling high multiplication, then a right shift half away from zero. srshl
 * rounds half up, so negative values are lowered by one first; not where the shift is 0.
 */
EK_NEON static inline __attribute__((always_inline)) int32x4_t ek_scale(int32x4_t sum, int32x4_t multiplier,
                                                                        int32x4_t shift, const int form) {
  if (form == EK_GENERAL) {
    sum = vshlq_s32(sum, vmaxq_s32(shift, vdupq_n_s32(0)));
    shift = vminq_s32(shift, vdupq_n_s32(0));
  }
  int32x4_t high = vqrdmulhq_s32(sum, multiplier);
  if (form == EK_GENERAL) high = vaddq_s32(high, vshrq_n_s32(vandq_s32(high, shift), 31));
  if (form == EK_LINEAR) high = vsraq_n_s32(high, high, 31);
  return vrshlq_s32(high, shift);
}

/* Store the lowest `count` bytes of `bytes`. */
EK_NEON static inline __attribute__((always_inline)) void ek_store_some(int8_t *out, uint64_t bytes, int32_t count) {
  _Pragma("clang loop vectorize(disable) unroll(disable)")
  for (int32_t i = 0; i < count; i++) {
    out[i] = (int8_t)bytes;
    bytes >>= 8;
  }
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
