/* The inner loop of dense_mve.c: assembly where the core has MVE, else the same in C. */
#ifndef EK_MVE_VECTOR_H
#define EK_MVE_VECTOR_H

#include "mve.h"

/*
 * What `ek_multiply_vector` works on. The assembly knows the order of the fields.
 *
 * Weights: for each four channels their biases, then for every 16 taps those of each. Behind them all, for each four
 * channels their multipliers, then their shifts (below 0: to the right). What fills up is 0.
 */
typedef struct ek_vector {
  int8_t *out;
  const int8_t *in;
  const int32_t *weights;
  int32_t zero_point;
  const int32_t *scales;
  int32_t taps;
  int32_t channels;
} ek_vector;

#if EK_HAS_MVE
__attribute__((naked, noinline)) static void ek_multiply_vector(__attribute__((unused)) const ek_vector *vector) {
  __asm__(
      " push {r4-r9, r11, lr}\n"
      " ldm r0, {r3, r5, r7, r8, r9, r11, r12}\n"
      "1:\n"
      " mov r1, r5\n"
      " ldm r7!, {r0, r2, r4, r6}\n"
      " dlstp.8 lr, r11\n"
      "2:\n"
      " vldrb.u8 q0, [r1], #16\n"
      " vldrb.u8 q1, [r7], #16\n"
      " vmlava.s8 r0, q0, q1\n"
      " vldrb.u8 q2, [r7], #16\n"
      " vmlava.s8 r2, q0, q2\n"
      " vldrb.u8 q3, [r7], #16\n"
      " vmlava.s8 r4, q0, q3\n"
      " vldrb.u8 q1, [r7], #16\n"
      " vmlava.s8 r6, q0, q1\n"
      " letp lr, 2b\n"
      " vmov q0[2], q0[0], r0, r4\n"
      " vmov q0[3], q0[1], r2, r6\n"
      " vldrw.u32 q1, [r9], #16\n"
      " vqrdmulh.s32 q0, q0, q1\n"
      " vldrw.u32 q1, [r9], #16\n"
      " vshr.s32 q2, q0, #31\n" /* rounding half away from zero takes 1 from what is negative */
      " vadd.i32 q0, q0, q2\n"
      " vrshl.s32 q0, q0, q1\n"
      " vadd.i32 q0, q0, r8\n"
      " vqmovnb.s32 q0, q0\n"
      " vqmovnb.s16 q0, q0\n"
      " vctp.32 r12\n"
      " vpst\n"
      " vstrbt.32 q0, [r3], #4\n"
      " subs r12, r12, #4\n"
      " bgt 1b\n"
      " pop {r4-r9, r11, pc}\n");
}
#else
static void ek_multiply_vector(const ek_vector *vector) {
  const int32_t *biases = vector->weights, *scales = vector->scales;
  for (int32_t first = 0; first < vector->channels; first += 4, scales += 8) {
    int32_t sums[4];
    for (int32_t channel = 0; channel < 4; channel++) {
      const int8_t *weights = (const int8_t *)(biases + 4) + 16 * channel;
      sums[channel] = biases[channel];
      for (int32_t i = 0; i < vector->taps; i++) {
        sums[channel] = ek_add_wrapping(sums[channel], vector->in[i] * weights[i / 16 * 64 + i % 16]);
      }
    }
    for (int32_t channel = 0; channel < 4 && first + channel < vector->channels; channel++) {
      const int32_t scaled = ek_scale_by_channel(sums[channel], scales[channel], scales[channel + 4], vector->zero_point);
      vector->out[first + channel] = (int8_t)scaled;
    }
    biases += 4 + (vector->taps + 15) / 16 * 16;
  }
}
#endif

#endif
