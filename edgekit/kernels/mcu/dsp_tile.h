/* The inner loops of convolution_dsp.c: assembly where the core has DSP instructions, else the same in C. */
#ifndef EK_DSP_TILE_H
#define EK_DSP_TILE_H

#include "requantize.h"

enum { EK_TILE_PIXELS = 3, EK_TILES_WORDS = 13 /* of an ek_tiles with DSP instructions */ };

/* What `ek_multiply_tiles` works on. The assembly knows the order of the fields, and that it lies behind its patch. */
typedef struct ek_tiles {
  int32_t zeros[2 * EK_TILE_PIXELS]; /* what sums start from */
  uint32_t *patch;
  intptr_t entry;         /* of the assembly's loop */
  int8_t *out;            /* of the first pixel */
  intptr_t second;        /* from there to the output of the second pixel */
  intptr_t third;
  int8_t *end;            /* where `out` is to get to, two channels at a time */
  const int32_t *weights; /* of each two channels: a patch's, then two of ek_channel */
} ek_tiles;

#if EK_HAS_DSP
/*
 * Widen `words` times four bytes of three pixels, `step` bytes apart, into the patch; give its end. A word's bytes 0 and
 * 2 of each pixel come first, then its bytes 1 and 3.
 */
EK_INLINE uint32_t *ek_widen_three(uint32_t *patch, const int8_t *from, int32_t step, int32_t words) {
  const int32_t two_steps = 2 * step;
  __asm__ volatile(
      "1:\n"
      " ldr r10, [%[from], %[two_steps]]\n"
      " ldr r9, [%[from], %[step]]\n"
      " ldr r8, [%[from]], #4\n"
      " sxtb16 r5, r10\n"
      " sxtb16 r4, r9\n"
      " sxtb16 r3, r8\n"
      " stmia %[patch]!, {r3, r4, r5}\n"
      " sxtb16 r10, r10, ror #8\n"
      " sxtb16 r9, r9, ror #8\n"
      " sxtb16 r8, r8, ror #8\n"
      " stmia %[patch]!, {r8, r9, r10}\n"
      " subs %[words], %[words], #1\n"
      " bne 1b\n"
      : [patch] "+&r"(patch), [from] "+&r"(from), [words] "+&r"(words)
      : [step] "r"(step), [two_steps] "r"(two_steps)
      : "r3", "r4", "r5", "r8", "r9", "r10", "cc", "memory");
  return patch;
}

/* Multiply three pairs of activations by a word of weights: into both channels' sums, then into the first one's. */
#define EK_STEP(weights)                                                                                     \
  " ldm r6!, {r8, r9, r10}\n"                                                                                \
  " smlad r0, r8, " weights ", r0\n"                                                                         \
  " smlad r1, r9, " weights ", r1\n"                                                                         \
  " smlad r2, r10, " weights ", r2\n"                                                                        \
  " sxtb16 " weights ", " weights "\n"                                                                       \
  " smlad r3, r8, " weights ", r3\n"                                                                         \
  " smlad r4, r9, " weights ", r4\n"                                                                         \
  " smlad r5, r10, " weights ", r5\n"

/* As ek_scale and ek_ssat8, of twice a sum that comes `shifted`. */
#define EK_SCALE(sum, shifted)                                                                               \
  " add " sum ", r8, " sum ", " shifted "\n"                                                                 \
  " smmlar r6, " sum ", r9, r10\n"                                                                           \
  " add " sum ", r6, " sum ", asr #31\n"                                                                     \
  " asr " sum ", " sum ", r11\n"                                                                             \
  " ssat " sum ", #8, " sum "\n"

/* All channels of three pixels, whose windows take so many words each. */
__attribute__((naked, noinline)) static void ek_multiply_tiles(__attribute__((unused)) ek_tiles *tiles,
                                                               __attribute__((unused)) int32_t words) {
  __asm__(
      " push {r4-r11, lr}\n"
      " mov lr, r0\n"
      " rsb r1, r1, #0\n" /* of the first four words, those that there are not are skipped */
      " and r1, r1, #3\n"
      " adr r2, 2f\n"
      " add r2, r2, r1, lsl #6\n" /* a word is 68 bytes of code */
      " add r2, r2, r1, lsl #2\n"
      " str r2, [lr, #28]\n"
      " ldr r7, [lr, #48]\n"
      "1:\n"
      " ldm lr, {r0-r6, r8}\n" /* zeros, patch, entry */
      " mov pc, r8\n"
      " .balign 4\n"
      "2:\n"
      " .rept 4\n"
      " ldrd r11, r12, [r7], #8\n" EK_STEP("r11") EK_STEP("r12")
      " .endr\n"
      " cmp r6, lr\n" /* the end of the patch */
      " bne 2b\n"
      " sub r0, r0, r3\n"
      " sub r1, r1, r4\n"
      " sub r2, r2, r5\n"
      " ldm r7!, {r8-r11}\n" /* twice the bias, multiplier, rounding, right */
      EK_SCALE("r3", "lsl #1") EK_SCALE("r4", "lsl #1") EK_SCALE("r5", "lsl #1")
      " ldm r7!, {r8-r11}\n"
      EK_SCALE("r0", "asr #7") EK_SCALE("r1", "asr #7") EK_SCALE("r2", "asr #7")
      " bfi r3, r0, #8, #8\n"
      " bfi r4, r1, #8, #8\n"
      " bfi r5, r2, #8, #8\n"
      " add r6, lr, #32\n"
      " ldm r6, {r8-r11}\n" /* out, second, third, end */
      " strh r5, [r8, r10]\n"
      " strh r4, [r8, r9]\n"
      " strh r3, [r8], #2\n"
      " str r8, [lr, #32]\n"
      " cmp r8, r11\n"
      " bne 1b\n"
      " str r7, [lr, #48]\n"
      " pop {r4-r11, pc}\n");
}
#undef EK_STEP
#undef EK_SCALE
#else
EK_INLINE uint32_t *ek_widen_three(uint32_t *patch, const int8_t *from, int32_t step, int32_t words) {
  for (; words > 0; words--, from += 4) {
    for (int32_t lane = 0; lane < EK_TILE_PIXELS; lane++, patch++) {
      const uint32_t four = ek_load_word(from + lane * step);
      patch[0] = ek_sxtb16(four);
      patch[EK_TILE_PIXELS] = ek_sxtb16_ror8(four);
    }
    patch += EK_TILE_PIXELS;
  }
  return patch;
}

static void ek_multiply_tiles(ek_tiles *tiles, int32_t words) {
  for (; tiles->out != tiles->end; tiles->out += 2) {
    const int32_t *weights = tiles->weights;
    for (int32_t lane = EK_TILE_PIXELS - 1; lane >= 0; lane--) {
      weights = tiles->weights;
      int32_t both = 0, first = 0;
      for (int32_t i = 0; i < 2 * words; i++, weights++) {
        const uint32_t pixel = tiles->patch[EK_TILE_PIXELS * i + lane];
        both = ek_smlad(pixel, (uint32_t)*weights, both);
        first = ek_smlad(pixel, ek_sxtb16((uint32_t)*weights), first);
      }
      const int32_t twice_first = ek_add_wrapping(weights[0], ek_double_wrapping(first));
      const int32_t twice_second = ek_add_wrapping(weights[4], ek_subtract_wrapping(both, first) >> 7);
      int8_t *out = tiles->out + (lane == 2 ? tiles->third : lane == 1 ? tiles->second : 0);
      out[0] = (int8_t)ek_ssat8(ek_scale(twice_first, weights[1], weights[2], weights[3]));
      out[1] = (int8_t)ek_ssat8(ek_scale(twice_second, weights[5], weights[6], weights[7]));
    }
    tiles->weights = weights + 8;
  }
}
#endif

#endif
