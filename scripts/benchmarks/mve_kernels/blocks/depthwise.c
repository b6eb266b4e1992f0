/* The inner loop of depthwise convolutions in C to be vectorized: eight sums side by side. */
#define EK_HAS_MVE 0
#include "depthwise_windows.h"
#include "mve.h"

enum { EK_VECTOR = 8, EK_SCALE_WORDS = 3 * EK_VECTOR };

EK_INLINE void eight_channels(const int8_t *at, const int32_t *taps, int32_t count, const int8_t *weights,
                              const int32_t *scales, int32_t zero_point, int8_t *restrict out) {
  int32_t sums[EK_VECTOR] = {0}, scaled[EK_VECTOR];
  for (int32_t tap = 0; tap < count; tap++, weights += EK_VECTOR) {
    const int8_t *in = at + taps[tap];
    for (int32_t i = 0; i < EK_VECTOR; i++) {
      sums[i] += in[i] * weights[i];
    }
  }
  for (int32_t i = 0; i < EK_VECTOR; i++) { /* scales are those of even channels, then those of odd ones */
    const int32_t sum = scales[i] + sums[i % 4 * 2 + i / 4];
    scaled[i] = ek_scale_by_channel(sum, scales[EK_VECTOR + i], scales[2 * EK_VECTOR + i], zero_point);
  }
  for (int32_t i = 0; i < EK_VECTOR; i++) {
    out[i] = (int8_t)scaled[i % 2 * 4 + i / 2];
  }
}

#include "depthwise_frame.h"
