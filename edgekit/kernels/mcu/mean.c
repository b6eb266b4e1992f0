/* Sums and means over all places of a plane, four channels at a time. */
#include "pooling_windows.h"
#include "requantize.h"

EK_INLINE void mean(const ek_mean_layer *layer, const int8_t *in, int8_t *out,
                    void (*sum)(const ek_window *window, const int8_t *row, int32_t *sums)) {
  const int32_t channels = layer->channels;
  const ek_window window = {in, 1, layer->count, channels, 0};
  for (int32_t c = 0; c < channels; c += EK_CHANNELS) {
    const int32_t at = ek_four_from(c, channels);
    int32_t sums[EK_CHANNELS];
    sum(&window, in + at, sums);
    for (int32_t i = 0; i < EK_CHANNELS; i++) {
      const int32_t twice = 2 * (sums[i] - layer->offset);
      out[at + i] = (int8_t)ek_ssat8(ek_scale(twice, layer->multiplier, layer->rounding, layer->right));
    }
  }
}

void ek_mean(const ek_mean_layer *layer, const int8_t *in, int8_t *out) { mean(layer, in, out, ek_sum_words); }

void ek_mean_plain(const ek_mean_layer *layer, const int8_t *in, int8_t *out) { mean(layer, in, out, ek_sum_bytes); }
