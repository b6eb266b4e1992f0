/* Pooling byte by byte, four channels at a time: for cores without DSP instructions, which may not load words anywhere. */
#include "pooling_windows.h"

EK_INLINE int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }

EK_INLINE int8_t clamped(int32_t value, const ek_pooling_layer *layer) {
  return (int8_t)(value < layer->low ? layer->low : value > layer->high ? layer->high : value);
}

static void largest(const ek_pooling_layer *layer, const ek_window *window, int8_t *out) {
  for (int32_t channel = 0; channel < layer->channels; channel += EK_CHANNELS) {
    const int32_t at = ek_four_from(channel, layer->channels);
    const int8_t *row = window->first + at;
    int32_t a = INT8_MIN, b = INT8_MIN, c = INT8_MIN, d = INT8_MIN;
    for (int32_t y = window->rows; y > 0; y--, row += window->row_step) {
      const int8_t *from = row;
      for (int32_t x = window->columns; x > 0; x--, from += window->step) {
        a = larger(a, from[0]), b = larger(b, from[1]), c = larger(c, from[2]), d = larger(d, from[3]);
      }
    }
    out[at] = clamped(a, layer), out[at + 1] = clamped(b, layer);
    out[at + 2] = clamped(c, layer), out[at + 3] = clamped(d, layer);
  }
}

/* Shifts divide where they can: not every core has an instruction that divides. */
static void average(const ek_pooling_layer *layer, const ek_window *window, int8_t *out) {
  const int32_t count = window->rows * window->columns, power = ek_power_of(count);
  for (int32_t c = 0; c < layer->channels; c += EK_CHANNELS) {
    const int32_t at = ek_four_from(c, layer->channels);
    int32_t sums[EK_CHANNELS];
    ek_sum_bytes(window, window->first + at, sums);
    for (int32_t i = 0; i < EK_CHANNELS; i++) {
      const int32_t half = power > 0 ? (sums[i] >> 31) + (count >> 1) : 0;
      out[at + i] = clamped(power < 0 ? ek_average_of(sums[i], count) : (sums[i] + half) >> power, layer);
    }
  }
}

void ek_max_pool_plain(const ek_pooling_layer *layer, const int8_t *in, int8_t *out) {
  ek_pool(layer, in, out, largest);
}

void ek_average_pool_plain(const ek_pooling_layer *layer, const int8_t *in, int8_t *out) {
  ek_pool(layer, in, out, average);
}
