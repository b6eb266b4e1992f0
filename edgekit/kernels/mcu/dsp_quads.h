/* The inner loop of dense_dsp.c: assembly where the core has DSP instructions, else the same in C. */
#ifndef EK_DSP_QUADS_H
#define EK_DSP_QUADS_H

#include "requantize.h"

/* What `ek_multiply_quads` works on. The assembly knows the order of the fields, and that it lies behind the inputs. */
typedef struct ek_quads {
  int32_t zeros[4]; /* what sums start from */
  intptr_t entry;   /* of the assembly's loop */
  uint32_t *inputs;
  int8_t *out;
  int8_t *end;            /* where `out` is to get to, four channels at a time */
  const int32_t *weights; /* of each four channels, then four of ek_channel */
} ek_quads;

#if EK_HAS_DSP
/* Multiply two inputs by words of weights: into the sums of two channels each, then into the first ones'. */
#define EK_STEP(inputs, first, second)                                                                       \
  " smlad r0, " inputs ", " first ", r0\n"                                                                   \
  " smlad r2, " inputs ", " second ", r2\n"                                                                  \
  " sxtb16 " first ", " first "\n"                                                                           \
  " sxtb16 " second ", " second "\n"                                                                         \
  " smlad r1, " inputs ", " first ", r1\n"                                                                   \
  " smlad r3, " inputs ", " second ", r3\n"

/* As ek_scale and ek_ssat8, of twice a sum that comes `shifted`. */
#define EK_SCALE(sum, shifted)                                                                               \
  " ldm lr!, {r8-r11}\n" /* twice the bias, multiplier, rounding, right */                                   \
  " add " sum ", r8, " sum ", " shifted "\n"                                                                 \
  " smmlar r4, " sum ", r9, r10\n"                                                                           \
  " add " sum ", r4, " sum ", asr #31\n"                                                                     \
  " asr " sum ", " sum ", r11\n"                                                                             \
  " ssat " sum ", #8, " sum "\n"

/* Channels from `out` to `end`, of so many times eight inputs. */
__attribute__((naked, noinline)) static void ek_multiply_quads(__attribute__((unused)) ek_quads *quads,
                                                               __attribute__((unused)) int32_t eights) {
  __asm__(
      " push {r0, r4-r11, lr}\n"
      " mov r12, r0\n"
      " ldr lr, [r12, #32]\n"
      " rsb r1, r1, #0\n" /* of the first four eights, those that there are not are skipped */
      " and r1, r1, #3\n"
      " mov r3, #108\n" /* bytes of code for eight inputs */
      " adr r2, 2f\n"
      " mla r2, r1, r3, r2\n"
      " str r2, [r12, #16]\n"
      "1:\n"
      " ldm r12, {r0-r3, r8, r12}\n" /* zeros, entry, inputs */
      " mov pc, r8\n"
      " .balign 4\n"
      "2:\n"
      " .rept 4\n"
      " ldm r12!, {r4-r7}\n"
      " ldm lr!, {r8-r11}\n" EK_STEP("r4", "r8", "r9") EK_STEP("r5", "r10", "r11")
      " ldm lr!, {r8-r11}\n" EK_STEP("r6", "r8", "r9") EK_STEP("r7", "r10", "r11")
      " .endr\n"
      " ldr r4, [sp]\n"
      " cmp r12, r4\n" /* the end of the inputs */
      " bne 2b\n"
      " sub r0, r0, r1\n"
      " sub r2, r2, r3\n"
      EK_SCALE("r1", "lsl #1") EK_SCALE("r0", "asr #7") EK_SCALE("r3", "lsl #1") EK_SCALE("r2", "asr #7")
      " bfi r1, r0, #8, #8\n"
      " bfi r3, r2, #8, #8\n"
      " pkhbt r1, r1, r3, lsl #16\n"
      " ldrd r4, r5, [r12, #24]\n" /* out, end */
      " str r1, [r4], #4\n"
      " str r4, [r12, #24]\n"
      " cmp r4, r5\n"
      " bne 1b\n"
      " str lr, [r12, #32]\n"
      " pop {r0, r4-r11, pc}\n");
}
#undef EK_STEP
#undef EK_SCALE
#else
static void ek_multiply_quads(ek_quads *quads, int32_t eights) {
  for (; quads->out != quads->end; quads->out += 4) {
    int32_t both[2] = {0, 0}, first[2] = {0, 0};
    for (int32_t i = 0; i < 4 * eights; i++) {
      for (int32_t pair = 0; pair < 2; pair++, quads->weights++) {
        const uint32_t weights = (uint32_t)*quads->weights;
        both[pair] = ek_smlad(quads->inputs[i], weights, both[pair]);
        first[pair] = ek_smlad(quads->inputs[i], ek_sxtb16(weights), first[pair]);
      }
    }
    for (int32_t channel = 0; channel < 4; channel++, quads->weights += 4) {
      const int32_t *entry = quads->weights, pair = channel / 2;
      const int32_t twice = channel % 2 == 0 ? ek_double_wrapping(first[pair])
                                             : ek_subtract_wrapping(both[pair], first[pair]) >> 7;
      quads->out[channel] = (int8_t)ek_ssat8(ek_scale(ek_add_wrapping(entry[0], twice), entry[1], entry[2], entry[3]));
    }
  }
}
#endif

#endif
