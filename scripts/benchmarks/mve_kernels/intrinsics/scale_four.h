/* From four sums to four outputs, by the instructions of the shipped kernels. */
#ifndef SCALE_FOUR_H
#define SCALE_FOUR_H

#include <arm_mve.h>

#include "mve.h"

EK_INLINE int32x4_t scale_four(int32x4_t sums, int32x4_t multipliers, int32x4_t shifts, int32_t zero_point) {
  const int32x4_t high = vqrdmulhq_s32(sums, multipliers);
  /* Rounding half away from zero takes 1 from what is negative. */
  const int32x4_t rounded = vrshlq_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), shifts);
  return vaddq_n_s32(rounded, zero_point);
}

/* Store the lanes chosen, each as an int8. */
EK_INLINE void store_four(int8_t *out, int32x4_t values, mve_pred16_t chosen) {
  const int16x8_t halves = vqmovnbq_s32(vreinterpretq_s16_s32(values), values);
  const int8x16_t bytes = vqmovnbq_s16(vreinterpretq_s8_s16(halves), halves);
  vstrbq_p_s32(out, vreinterpretq_s32_s8(bytes), chosen);
}

#endif
