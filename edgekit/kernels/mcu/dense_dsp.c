/*
 * Products of a matrix with a vector for cores with DSP instructions, four outputs at a time.
 *
 * The vector is widened to int16 once. Weights come as in convolution_dsp.c, two channels to a word: for every four
 * inputs a word of the first two outputs and one of the others, for inputs 0 and 2, then the same for 1 and 3. Inputs
 * are padded to eights with zeros. Behind the weights of four outputs come their four of ek_channel.
 *
 * If the number of outputs is no multiple of four, the last four overlap those before; fewer than four are computed
 * with others that are not stored.
 *
 * Reads and writes: a vector is read whole before its outputs are written.
 */
#include "dense.h"

#include "dsp_quads.h"

/* Widen a vector, by fours: inputs 0 and 2, then 1 and 3. */
static void widen(const int8_t *in, int32_t inputs, uint32_t *to) {
  for (; inputs >= 4; inputs -= 4, in += 4, to += 2) {
    const uint32_t four = ek_load_word(in);
    to[0] = ek_sxtb16(four);
    to[1] = ek_sxtb16_ror8(four);
  }
  if (inputs > 0) {
    uint32_t rest = 0;
    for (int32_t i = 0; i < inputs; i++) {
      rest |= (uint32_t)(uint8_t)in[i] << (8 * i);
    }
    to[0] = ek_sxtb16(rest);
    to[1] = ek_sxtb16_ror8(rest);
  }
}

void ek_dense_dsp(const ek_dense_layer *layer, const int8_t *in, const int32_t *weights, int8_t *out, void *scratch) {
  const int32_t outputs = layer->outputs, eights = (layer->inputs + 7) / 8;
  uint32_t *const inputs = scratch;
#if EK_HAS_DSP
  ek_quads *const quads = (ek_quads *)(inputs + 4 * eights);
#else
  ek_quads elsewhere, *const quads = &elsewhere; /* pointers may be wider than there is room for */
#endif
  *quads = (ek_quads){.inputs = inputs};
  for (int32_t vector = layer->vectors; vector > 0; vector--, in += layer->vector_bytes) {
    int8_t few[4];
    inputs[4 * eights - 2] = inputs[4 * eights - 1] = 0;
    widen(in, layer->inputs, inputs);
    quads->weights = weights;
    quads->out = outputs < 4 ? few : out;
    quads->end = quads->out + (outputs < 4 ? 4 : outputs & ~3);
    ek_multiply_quads(quads, eights);
    if (outputs > 4 && outputs % 4 != 0) {
      quads->out = out + outputs - 4;
      quads->end = out + outputs;
      ek_multiply_quads(quads, eights);
    }
    for (int32_t i = 0; outputs < 4 && i < outputs; i++) {
      out[i] = few[i];
    }
    out += outputs;
  }
  ek_clamp(out - layer->vectors * outputs, out, layer->low, layer->high);
}
