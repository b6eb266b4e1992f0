/*
 * What the kernels for rows of convolution output share on ARM: the exact scaling of sums.
 */
#ifndef EDGEKIT_NEON_ROW_H
#define EDGEKIT_NEON_ROW_H

#include <arm_neon.h>

#include "../common/row.h"

/* 32-bit ARM compilers take NEON for optional. */
#ifdef __ARM_ARCH_7A__
#define EK_NEON __attribute__((target("neon")))
#else
#define EK_NEON
#endif

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

#endif
