/* Sums and means over all places of a plane, four channels at a time. */
#include "pooling_windows.h"
#include "requantize.h"

void ek_mean(const ek_mean_layer *layer, const int8_t *in, int8_t *out) {
  const int32_t channels = layer->channels;
  for (int32_t c = 0; c < channels; c += EK_CHANNELS) {
    const int32_t at = c + EK_CHANNELS <= channels ? c : channels - EK_CHANNELS;
    const ek_window window = {in + at, 1, layer->count, channels, 0};
    int32_t sums[EK_CHANNELS];
    ek_sum_window(&window, sums);
    for (int32_t i = 0; i < EK_CHANNELS; i++) {
      const int32_t twice = 2 * (sums[i] - layer->offset);
      out[at + i] = (int8_t)ek_ssat8(ek_scale(twice, layer->multiplier, layer->rounding, layer->right));
    }
  }
}
