/* Sums of two quantized tensors with one shift (see edgekit/compute/fast_sum.py). */
#include "dsp.h"
#include "elementwise.h"

void ek_sum(const ek_sum_layer *layer, const int8_t *a, const int8_t *b, int8_t *out) {
  const int32_t first = layer->first, second = layer->second, offset = layer->offset, shift = layer->shift;
  const int32_t low = layer->low, high = layer->high;
  const int8_t *const end = out + layer->count;
  if (low == INT8_MIN && high == INT8_MAX) {
    while (out != end) {
      *out++ = (int8_t)ek_ssat8((offset + *a++ * first + *b++ * second) >> shift);
    }
    return;
  }
  while (out != end) {
    const int32_t value = (offset + *a++ * first + *b++ * second) >> shift;
    *out++ = (int8_t)(value < low ? low : value > high ? high : value);
  }
}
