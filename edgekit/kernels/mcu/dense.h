/* Products of a matrix of weights with vectors, by kernels that all layers share: what a layer is, and the functions. */
#ifndef EK_DENSE_H
#define EK_DENSE_H

#include <stdint.h>

/* A layer: each of `vectors` runs of `inputs` bytes, `vector_bytes` apart, gives `outputs`. */
typedef struct ek_dense_layer {
  int32_t vectors;
  int32_t vector_bytes;
  int16_t inputs;
  int16_t outputs;
  int8_t zero_point; /* of the output */
  int8_t low;        /* of the output: the activation's clamp */
  int8_t high;
} ek_dense_layer;

/* For any core: see dense_plain.c. The channels are [channel][3], as in scale_any.h. */
void ek_dense_plain(const ek_dense_layer *layer, const int8_t *in, const int8_t *weights, const int32_t *channels,
                    int8_t *out);

/* For cores with DSP instructions; see dense_dsp.c. */
void ek_dense_dsp(const ek_dense_layer *layer, const int8_t *in, const int32_t *weights, int8_t *out, void *scratch);

/* For cores with MVE; see dense_mve.c. */
void ek_dense_mve(const ek_dense_layer *layer, const int8_t *in, const int32_t *weights, int8_t *out);

#endif
