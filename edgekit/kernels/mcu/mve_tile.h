/* The inner loops of convolution_mve.c: assembly where the core has MVE, else the same in C. */
#ifndef EK_MVE_TILE_H
#define EK_MVE_TILE_H

#include "mve.h"

enum { EK_LANES = 3 };

/*
 * What `ek_multiply_lanes` works on. The assembly knows the order of the fields.
 *
 * Weights: for each two channels their biases, then for every 16 taps those of the one and of the other. Behind them all,
 * for each four channels their multipliers, then their shifts (below 0: to the right). What fills up is 0.
 */
typedef struct ek_lanes {
  const int8_t *pixels[EK_LANES]; /* what the windows of three pixels read, byte after byte */
  int32_t taps;
  const int32_t *weights;
  int32_t *sums; /* memory for [pair of channels][pixel][2] */
  const int32_t *scales;
  int8_t *outs[EK_LANES];
  int32_t channels;
  int32_t zero_point;
} ek_lanes;

#if EK_HAS_MVE
#define EK_MVE_SCALE(offset, out)                                                                            \
  " vldrw.u32 q2, [q4, #" offset "]\n"                                                                       \
  " vqrdmulh.s32 q2, q2, q0\n"                                                                               \
  " vshr.s32 q3, q2, #31\n" /* rounding half away from zero takes 1 from what is negative */                 \
  " vadd.i32 q2, q2, q3\n"                                                                                   \
  " vrshl.s32 q2, q2, q1\n"                                                                                  \
  " vadd.i32 q2, q2, r2\n"                                                                                   \
  " vqmovnb.s32 q2, q2\n"                                                                                    \
  " vqmovnb.s16 q2, q2\n"                                                                                    \
  " vstrb.32 q2, [" out "], #4\n"

/* All channels of three pixels, the outputs of the last one stored first. */
__attribute__((naked, noinline)) static void ek_multiply_lanes(__attribute__((unused)) const ek_lanes *lanes) {
  __asm__(
      " push {r4-r11, lr}\n"
      " vpush {d8, d9}\n"
      " mov r12, r0\n"
      " ldrd r7, r9, [r12, #16]\n" /* weights, sums */
      "1:\n"
      " ldm r12, {r1, r3, r5, r11}\n" /* pixels, taps */
      " ldrd r0, r6, [r7], #8\n"
      " mov r2, r0\n"
      " mov r4, r0\n"
      " mov r8, r6\n"
      " mov r10, r6\n"
      " dlstp.8 lr, r11\n"
      "2:\n"
      " vldrb.u8 q0, [r1], #16\n"
      " vldrb.u8 q1, [r3], #16\n"
      " vldrb.u8 q2, [r5], #16\n"
      " vldrb.u8 q3, [r7], #16\n"
      " vmlava.s8 r0, q0, q3\n"
      " vmlava.s8 r2, q1, q3\n"
      " vmlava.s8 r4, q2, q3\n"
      " vldrb.u8 q3, [r7], #16\n"
      " vmlava.s8 r6, q0, q3\n"
      " vmlava.s8 r8, q1, q3\n"
      " vmlava.s8 r10, q2, q3\n"
      " letp lr, 2b\n"
      " strd r0, r6, [r9], #8\n"
      " strd r2, r8, [r9], #8\n"
      " strd r4, r10, [r9], #8\n"
      " ldr r1, [r12, #24]\n" /* where the weights end */
      " cmp r7, r1\n"
      " bne 1b\n"
      " ldr r9, [r12, #20]\n" /* sums */
      " add r10, r12, #28\n"
      " ldm r10, {r1, r3, r4, r5}\n" /* outs, channels */
      " ldr r2, [r12, #44]\n"        /* zero point */
      " movs r8, #48\n"
      " adr r10, 4f\n"
      " vldrw.u32 q4, [r10]\n"
      " vadd.i32 q4, q4, r9\n" /* where the sums of four channels of the first pixel are */
      " dlstp.32 lr, r5\n"
      "3:\n"
      " vldrw.u32 q0, [r7], #16\n"
      " vldrw.u32 q1, [r7], #16\n"
      EK_MVE_SCALE("16", "r4") EK_MVE_SCALE("8", "r3") EK_MVE_SCALE("0", "r1")
      " vadd.i32 q4, q4, r8\n"
      " letp lr, 3b\n"
      " vpop {d8, d9}\n"
      " pop {r4-r11, pc}\n"
      " .balign 4\n"
      "4:\n"
      " .word 0, 4, 24, 28\n");
}
#undef EK_MVE_SCALE

/* Copy bytes. */
EK_INLINE void ek_copy(int8_t *to, const int8_t *from, int32_t count) {
  __asm__ volatile(
      " wlstp.8 lr, %[count], 2f\n"
      "1:\n"
      " vldrb.u8 q0, [%[from]], #16\n"
      " vstrb.8 q0, [%[to]], #16\n"
      " letp lr, 1b\n"
      "2:\n"
      : [to] "+r"(to), [from] "+r"(from)
      : [count] "r"(count)
      : "q0", "lr", "memory");
}

/* Set bytes. */
EK_INLINE void ek_fill(int8_t *to, int8_t value, int32_t count) {
  __asm__ volatile(
      " vdup.8 q0, %[value]\n"
      " wlstp.8 lr, %[count], 2f\n"
      "1:\n"
      " vstrb.8 q0, [%[to]], #16\n"
      " letp lr, 1b\n"
      "2:\n"
      : [to] "+r"(to)
      : [value] "r"(value), [count] "r"(count)
      : "q0", "lr", "memory");
}
#else
static void ek_multiply_lanes(const ek_lanes *lanes) {
  const int32_t *weights = lanes->weights;
  for (int32_t *sums = lanes->sums; weights != lanes->scales; sums += 2 * EK_LANES) {
    const int32_t *biases = weights;
    const int8_t *taps = (const int8_t *)(weights + 2);
    for (int32_t lane = 0; lane < EK_LANES; lane++) {
      sums[2 * lane] = biases[0];
      sums[2 * lane + 1] = biases[1];
      for (int32_t i = 0; i < lanes->taps; i++) {
        const int8_t *weight = taps + i / 16 * 32 + i % 16;
        sums[2 * lane] = ek_add_wrapping(sums[2 * lane], lanes->pixels[lane][i] * weight[0]);
        sums[2 * lane + 1] = ek_add_wrapping(sums[2 * lane + 1], lanes->pixels[lane][i] * weight[16]);
      }
    }
    weights += 2 + (lanes->taps + 15) / 16 * 8;
  }
  for (int32_t lane = EK_LANES - 1; lane >= 0; lane--) {
    for (int32_t channel = 0; channel < lanes->channels; channel++) {
      const int32_t *scale = weights + channel / 4 * 8 + channel % 4;
      const int32_t sum = lanes->sums[(channel / 2 * EK_LANES + lane) * 2 + channel % 2];
      lanes->outs[lane][channel] = (int8_t)ek_scale_by_channel(sum, scale[0], scale[4], lanes->zero_point);
    }
  }
}

EK_INLINE void ek_copy(int8_t *to, const int8_t *from, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    to[i] = from[i];
  }
}

EK_INLINE void ek_fill(int8_t *to, int8_t value, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    to[i] = value;
  }
}
#endif

#endif
