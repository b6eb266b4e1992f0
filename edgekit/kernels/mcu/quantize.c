/* Between float32 and int8. */
#include "dsp.h"
#include "elementwise.h"

EK_INLINE float scale_of(const ek_quantize_layer *layer) {
  float scale;
  __builtin_memcpy(&scale, &layer->scale_bits, sizeof scale);
  return scale;
}

void ek_quantize(const ek_quantize_layer *layer, const float *in, int8_t *out) {
  const float scale = scale_of(layer);
  const int32_t half = 128 + layer->zero_point * 256;
  const int8_t *const end = out + layer->count;
  while (out != end) {
    /* With 8 bits after the point, cut off: whether it is a half at least is known from these. */
    const int32_t quotient = ek_float_to_q8(*in++ / scale);
    /* Half away from zero: negative ones need more than a half to be rounded up. */
    *out++ = (int8_t)ek_ssat8((quotient + (quotient >> 31) + half) >> 8);
  }
}

void ek_dequantize(const ek_quantize_layer *layer, const int8_t *in, float *out) {
  const float scale = scale_of(layer);
  const int32_t zero_point = layer->zero_point;
  const float *const end = out + layer->count;
  while (out != end) {
    *out++ = (float)(*in++ - zero_point) * scale;
  }
}
