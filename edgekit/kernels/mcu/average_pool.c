/* The average of each window, halves rounded away from zero, four channels at a time. */
#include "pooling_windows.h"

static void average(const ek_pooling_layer *layer, const ek_window *window, int8_t *out) {
  const int32_t count = window->rows * window->columns, half = count / 2, low = layer->low, high = layer->high;
  int32_t sums[EK_CHANNELS];
  ek_sum_window(window, sums);
  for (int32_t i = 0; i < EK_CHANNELS; i++) {
    const int32_t value = (sums[i] + (sums[i] < 0 ? -half : half)) / count;
    out[i] = (int8_t)(value < low ? low : value > high ? high : value);
  }
}

void ek_average_pool(const ek_pooling_layer *layer, const int8_t *in, int8_t *out) {
  ek_pool(layer, in, out, average);
}
