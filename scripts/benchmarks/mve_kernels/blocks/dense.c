/* The inner loop of matrix products in C to be vectorized: blocks of 16 taps, as the weights are packed. */
#define EK_HAS_MVE 0
#define ek_multiply_vector ek_multiply_vector_of_the_twin
#include "mve_vector.h"
#undef ek_multiply_vector

EK_INLINE void add_taps(const int8_t *in, const int8_t *weights, int32_t count, int32_t *sums) {
  int32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3];
  for (int32_t i = 0; i < count; i++) {
    a += in[i] * weights[i];
    b += in[i] * weights[16 + i];
    c += in[i] * weights[32 + i];
    d += in[i] * weights[48 + i];
  }
  sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
}

static EK_NOINLINE void ek_multiply_vector(const ek_vector *vector) {
  const int32_t *weights = vector->weights, *scales = vector->scales;
  const int32_t taps = vector->taps, channels = vector->channels, zero_point = vector->zero_point;
  int8_t *restrict out = vector->out;
  for (int32_t first = 0; first < channels; first += 4, scales += 8) {
    int32_t sums[4] = {weights[0], weights[1], weights[2], weights[3]};
    int32_t at = 0;
    weights += 4;
    for (; at + 16 <= taps; at += 16, weights += 16) {
      add_taps(vector->in + at, (const int8_t *)weights, 16, sums);
    }
    if (at < taps) {
      add_taps(vector->in + at, (const int8_t *)weights, taps - at, sums);
      weights += 16;
    }
    const int32_t count = channels - first < 4 ? channels - first : 4;
    for (int32_t i = 0; i < count; i++) {
      out[first + i] = (int8_t)ek_scale_by_channel(sums[i], scales[i], scales[4 + i], zero_point);
    }
  }
}

#include "dense_mve.c"
