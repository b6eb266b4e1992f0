/* The inner loop of matrix products by the intrinsics of arm_mve.h; registers and loops are the compiler's. */
#define EK_HAS_MVE 0
#define ek_multiply_vector ek_multiply_vector_of_the_twin
#include "mve_vector.h"
#undef ek_multiply_vector

#include "scale_four.h"

static EK_NOINLINE void ek_multiply_vector(const ek_vector *vector) {
  const int8_t *weights = (const int8_t *)vector->weights;
  const int32_t *scales = vector->scales;
  int8_t *out = vector->out;
  const int32_t zero_point = vector->zero_point;
  for (int32_t channels = vector->channels; channels > 0; channels -= 4, scales += 8, out += 4) {
    const int32_t *const biases = (const int32_t *)weights;
    int32_t a = biases[0], b = biases[1], c = biases[2], d = biases[3];
    const int8_t *in = vector->in;
    weights += 16;
    int32_t taps = vector->taps;
#ifndef __clang__ /* which makes one loop that predicates itself of the second */
    for (; taps >= 16; taps -= 16, in += 16, weights += 64) {
      const int8x16_t inputs = vldrbq_s8(in);
      a = vmladavaq_s8(a, inputs, vldrbq_s8(weights));
      b = vmladavaq_s8(b, inputs, vldrbq_s8(weights + 16));
      c = vmladavaq_s8(c, inputs, vldrbq_s8(weights + 32));
      d = vmladavaq_s8(d, inputs, vldrbq_s8(weights + 48));
    }
#endif
    for (; taps > 0; taps -= 16, in += 16, weights += 64) {
      const mve_pred16_t some = vctp8q((uint32_t)taps);
      const int8x16_t inputs = vldrbq_z_s8(in, some);
      a = vmladavaq_p_s8(a, inputs, vldrbq_z_s8(weights, some), some);
      b = vmladavaq_p_s8(b, inputs, vldrbq_z_s8(weights + 16, some), some);
      c = vmladavaq_p_s8(c, inputs, vldrbq_z_s8(weights + 32, some), some);
      d = vmladavaq_p_s8(d, inputs, vldrbq_z_s8(weights + 48, some), some);
    }
    const int32x4_t sums = {a, b, c, d};
    const int32x4_t multipliers = vldrwq_s32(scales), shifts = vldrwq_s32(scales + 4);
    store_four(out, scale_four(sums, multipliers, shifts, zero_point), vctp32q((uint32_t)channels));
  }
}

#include "dense_mve.c"
