/* Whether there is MVE, unless the build says so itself (EK_HAS_MVE), and what its kernels share. */
#ifndef EK_MVE_H
#define EK_MVE_H

#include "requantize.h"

#ifndef EK_HAS_MVE
#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define EK_HAS_MVE 1
#else
#define EK_HAS_MVE 0
#endif
#endif

/* How vectors scale a sum: right = -shift >= 1, |sum| < 2^30. */
EK_INLINE int32_t ek_scale_by_channel(int32_t sum, int32_t multiplier, int32_t shift, int32_t zero_point) {
  const int32_t high = ek_smmlar(ek_double_wrapping(sum), multiplier, 0);
  return ek_ssat8(((high + (high >> 31) + (1 << (-shift - 1))) >> -shift) + zero_point);
}

#endif
