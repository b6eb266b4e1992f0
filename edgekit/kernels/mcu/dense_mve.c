/*
 * Products of a matrix with a vector for cores with MVE, four outputs at a time.
 *
 * Reads and writes: a step reads a whole vector, then writes four outputs.
 */
#include "dense.h"

#include "mve_vector.h"

void ek_dense_mve(const ek_dense_layer *layer, const int8_t *in, const int32_t *weights, int8_t *out) {
  const int32_t group = 4 + (layer->inputs + 15) / 16 * 16; /* words of four outputs' weights */
  ek_vector vector = {
      .out = out,
      .in = in,
      .weights = weights,
      .zero_point = layer->zero_point,
      .scales = weights + (layer->outputs + 3) / 4 * group,
      .taps = layer->inputs,
      .channels = layer->outputs,
  };
  for (int32_t i = layer->vectors; i > 0; i--) {
    ek_multiply_vector(&vector);
    vector.in += layer->vector_bytes;
    vector.out += layer->outputs;
  }
  ek_clamp(out, vector.out, layer->low, layer->high);
}
