/* The inner loop of depthwise convolutions by the intrinsics of arm_mve.h; registers are the compiler's. */
#include "depthwise_windows.h"
#include "scale_four.h"

enum { EK_VECTOR = 8, EK_SCALE_WORDS = 3 * EK_VECTOR };

EK_INLINE void eight_channels(const int8_t *at, const int32_t *taps, int32_t count, const int8_t *weights,
                              const int32_t *scales, int32_t zero_point, int8_t *out) {
  int32x4_t even = vldrwq_s32(scales), odd = vldrwq_s32(scales + 4);
  for (; count > 0; count--, weights += EK_VECTOR) {
    const int16x8_t inputs = vldrbq_s16(at + *taps++), factors = vldrbq_s16(weights);
    even = vaddq_s32(even, vmullbq_int_s16(inputs, factors));
    odd = vaddq_s32(odd, vmulltq_int_s16(inputs, factors));
  }
  even = scale_four(even, vldrwq_s32(scales + 8), vldrwq_s32(scales + 16), zero_point);
  odd = scale_four(odd, vldrwq_s32(scales + 12), vldrwq_s32(scales + 20), zero_point);
  const int16x8_t halves = vqmovntq_s32(vqmovnbq_s32(vreinterpretq_s16_s32(even), even), odd);
  const int8x16_t bytes = vqmovnbq_s16(vreinterpretq_s8_s16(halves), halves);
  vstrbq_s16(out, vreinterpretq_s16_s8(bytes));
}

#include "depthwise_frame.h"
