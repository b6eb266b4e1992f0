/* The inner loops of convolutions in C to be vectorized: blocks of 16 taps, as the weights are packed. */
#define EK_HAS_MVE 0
#define ek_multiply_lanes ek_multiply_lanes_of_the_twin
#include "mve_tile.h"
#undef ek_multiply_lanes

EK_INLINE void add_taps(const int8_t *const *pixels, int32_t at, const int8_t *weights, int32_t count, int32_t *sums) {
  const int8_t *a = pixels[0] + at, *b = pixels[1] + at, *c = pixels[2] + at;
  int32_t a0 = sums[0], a1 = sums[1], b0 = sums[2], b1 = sums[3], c0 = sums[4], c1 = sums[5];
  for (int32_t i = 0; i < count; i++) {
    a0 += a[i] * weights[i];
    a1 += a[i] * weights[16 + i];
    b0 += b[i] * weights[i];
    b1 += b[i] * weights[16 + i];
    c0 += c[i] * weights[i];
    c1 += c[i] * weights[16 + i];
  }
  sums[0] = a0, sums[1] = a1, sums[2] = b0, sums[3] = b1, sums[4] = c0, sums[5] = c1;
}

static EK_NOINLINE void ek_multiply_lanes(const ek_lanes *lanes) {
  const int32_t *weights = lanes->weights, *const scales = lanes->scales;
  const int32_t taps = lanes->taps, channels = lanes->channels, zero_point = lanes->zero_point;
  for (int32_t *kept = lanes->sums; weights != scales; kept += 2 * EK_LANES) {
    int32_t sums[2 * EK_LANES] = {weights[0], weights[1], weights[0], weights[1], weights[0], weights[1]};
    int32_t at = 0;
    weights += 2;
    for (; at + 16 <= taps; at += 16, weights += 8) {
      add_taps(lanes->pixels, at, (const int8_t *)weights, 16, sums);
    }
    if (at < taps) {
      add_taps(lanes->pixels, at, (const int8_t *)weights, taps - at, sums);
      weights += 8;
    }
    for (int32_t i = 0; i < 2 * EK_LANES; i++) {
      kept[i] = sums[i];
    }
  }
  for (int32_t lane = EK_LANES - 1; lane >= 0; lane--) {
    const int32_t *sums = lanes->sums + 2 * lane, *scale = scales;
    int8_t *restrict out = lanes->outs[lane];
    for (int32_t channel = 0; channel < channels; channel += 4, scale += 8, sums += 4 * EK_LANES) {
      const int32_t four[4] = {sums[0], sums[1], sums[2 * EK_LANES], sums[2 * EK_LANES + 1]};
      const int32_t count = channels - channel < 4 ? channels - channel : 4;
      for (int32_t i = 0; i < count; i++) {
        out[channel + i] = (int8_t)ek_scale_by_channel(four[i], scale[i], scale[4 + i], zero_point);
      }
    }
  }
}

#include "convolution_mve.c"
