/* The maximum of each window, four channels at a time, for cores with DSP instructions. */
#include "pooling_windows.h"

static void largest(const ek_pooling_layer *layer, const ek_window *window, int8_t *out) {
  const uint32_t low = (uint32_t)(uint8_t)layer->low * 0x01010101u, high = (uint32_t)(uint8_t)layer->high * 0x01010101u;
  for (int32_t c = 0; c < layer->channels; c += EK_CHANNELS) {
    const int32_t at = ek_four_from(c, layer->channels);
    const int8_t *row = window->first + at;
    uint32_t best = low;
    for (int32_t y = window->rows; y > 0; y--, row += window->row_step) {
      const int8_t *from = row;
      for (int32_t x = window->columns; x > 0; x--, from += window->step) {
        best = ek_smax8(best, ek_load_word(from));
      }
    }
    ek_store_word(out + at, ek_smin8(best, high));
  }
}

void ek_max_pool(const ek_pooling_layer *layer, const int8_t *in, int8_t *out) { ek_pool(layer, in, out, largest); }
