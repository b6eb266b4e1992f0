/*
 * Products of a matrix with a vector in plain C, four outputs at a time: for cores without DSP instructions, and for
 * layers that other kernels cannot scale. Weights are [four outputs][input][4]; what fills up the last four is 0.
 *
 * Reads and writes: a step reads a whole vector, then writes four outputs.
 */
#include "dense.h"

#include "scale_any.h"

enum { EK_OUTPUTS = 4 };

void ek_dense_plain(const ek_dense_layer *layer, const int8_t *in, const int8_t *weights, const int32_t *channels,
                    int8_t *out) {
  for (int32_t vector = layer->vectors; vector > 0; vector--, in += layer->vector_bytes) {
    const int8_t *weight = weights;
    const ek_any_channel *channel = (const ek_any_channel *)channels;
    for (int32_t left = layer->outputs; left > 0; left -= EK_OUTPUTS) {
      int32_t sums[EK_OUTPUTS] = {0, 0, 0, 0};
      for (int32_t i = 0; i < layer->inputs; i++, weight += EK_OUTPUTS) {
        const int32_t input = in[i];
        sums[0] += input * weight[0];
        sums[1] += input * weight[1];
        sums[2] += input * weight[2];
        sums[3] += input * weight[3];
      }
      for (int32_t i = 0; i < EK_OUTPUTS && i < left; i++) {
        *out++ = ek_scale_any(sums[i], channel++, layer->zero_point, layer->low, layer->high);
      }
    }
  }
}
