/*
 * The inner loops of depthwise_planes.c: neighbouring outputs of one channel. Assembly where the core has DSP
 * instructions, else the same in C.
 *
 * A row of a plane holds int16 pairs of neighbouring columns. For a filter row of 2 n + 1 taps w0 .. w2n, a channel's
 * table holds n pairs of words: (w0, w1) and (w1, w2), (w2, w3) and (w3, w4), ... The first word of each multiplies the
 * pairs of an output at an even column, whose last tap is the top half of the last word; the second multiplies those of
 * an output at an odd column, whose first tap is the bottom half of the first word.
 *
 * A tile is four outputs. They are stored from the last to the first: so a last one that is too many may be stored where
 * the one before it goes; `last` says where.
 */
#ifndef EK_DEPTHWISE_TILE_H
#define EK_DEPTHWISE_TILE_H

#include "dsp.h"
#include "requantize.h"

/* What follows the weights in a channel's table. Distances are in bytes from the first output of a tile. */
typedef struct ek_depthwise_scale {
  int32_t multiplier;
  int32_t rounding;
  int32_t right;
  int32_t second;
  int32_t last;
  uint32_t end;         /* where tiles end in the first row: an address, for assembly alone */
  int32_t weight_bytes; /* of the table */
} ek_depthwise_scale;

EK_INLINE int8_t ek_depthwise_output(int32_t twice, const ek_depthwise_scale *scale) {
  return (int8_t)ek_ssat8(ek_scale(twice, scale->multiplier, scale->rounding, scale->right));
}

#if EK_HAS_DSP
/* r9 = a sum scaled by the multiplier in r4, the rounding in r5 and the shift in r8. */
#define EK_SCALE(sum)                                                                                        \
  " smmlar r9, " sum ", r4, r5\n"                                                                            \
  " add r9, r9, " sum ", asr #31\n"                                                                          \
  " asr r9, r9, r8\n"                                                                                        \
  " ssat r9, #8, r9\n"

/* Scale and store the sums r10, r11, r12 and r6; the table points at its scale. r11 is `second` afterwards. */
#define EK_STORE_FOUR                                                                                        \
  " ldmia %[table], {r4, r5, r8}\n"                                                                          \
  EK_SCALE("r6")                                                                                             \
  " ldr r6, [%[table], #16]\n"                                                                               \
  " strb r9, [%[out], r6]\n"                                                                                 \
  EK_SCALE("r12")                                                                                            \
  " ldr r12, [%[table], #12]\n"                                                                              \
  " strb r9, [%[out], r12, lsl #1]\n"                                                                        \
  EK_SCALE("r11")                                                                                            \
  " strb r9, [%[out], r12]\n"                                                                                \
  EK_SCALE("r10")                                                                                            \
  " strb r9, [%[out]]\n"                                                                                     \
  " add %[out], %[out], r12, lsl #2\n"

/* Two pairs of words of weights; d0, d1 and d2 are pairs of columns, of which d2 is loaded here. */
#define EK_STEP(d0, d1, d2)                                                                                  \
  " ldrd r8, r9, [%[table]], #8\n"                                                                           \
  " ldr " d2 ", [%[row]], #4\n"                                                                              \
  " smlad r10, " d0 ", r8, r10\n"                                                                            \
  " smlad r11, " d1 ", r9, r11\n"                                                                            \
  " smlad r12, " d1 ", r8, r12\n"                                                                            \
  " smlad r6, " d2 ", r9, r6\n"

/* The same where windows move by two columns; d3 is loaded. */
#define EK_STEP_BY_2(d0, d1, d2, d3)                                                                         \
  " ldr r8, [%[table]], #8\n"                                                                                \
  " ldr " d3 ", [%[row]], #4\n"                                                                              \
  " smlad r10, " d0 ", r8, r10\n"                                                                            \
  " smlad r11, " d1 ", r8, r11\n"                                                                            \
  " smlad r12, " d2 ", r8, r12\n"                                                                            \
  " smlad r6, " d3 ", r8, r6\n"

/* To the next tile: back over the row's and the table's words that this one took. */
#define EK_LOOP_1XN                                                                                          \
  " ldrd r9, r10, [%[table], #20]\n"                                                                         \
  " sub %[row], %[row], r10, lsr #1\n"                                                                       \
  " sub %[table], %[table], r10\n"                                                                           \
  " cmp %[row], r9\n"                                                                                        \
  " bne 1b\n"                                                                                                \
  : [table] "+&r"(table), [row] "+&r"(row), [out] "+&r"(out)                                                 \
  : [weights_end] "r"(weights_end)                                                                           \
  : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "cc", "memory"

/*
 * Tiles of 1 x (2 `steps` + 1) windows, for as many words of the row; gives where the next tile's outputs go. Steps are
 * a multiple of four.
 */
EK_INLINE int8_t *ek_tiles_1xn(uint32_t *table, const uint32_t *row, int32_t stride, int32_t steps, int32_t words,
                               int8_t *out) {
  const uint32_t *const weights_end = table + 1 + 2 * steps;
  ((ek_depthwise_scale *)(table + 1 + 2 * steps))->end = (uint32_t)(uintptr_t)(row + words);
  table++;
  if (stride == 1) {
    __asm__ volatile(
        "1:\n"
        " ldr r6, [%[table], #-4]\n"
        " ldr r8, [%[table]]\n"
        " ldmia %[row]!, {r3, r4}\n"
        " mov r10, r6\n"
        " mov r12, r6\n"
        " smlatb r11, r3, r8, r6\n"
        " smlatb r6, r4, r8, r6\n"
        " b 3f\n"
        "2:\n"
        " ldrd r3, r4, [%[row], #-8]\n"
        "3:\n"
        EK_STEP("r3", "r4", "r5")
        EK_STEP("r4", "r5", "r3")
        EK_STEP("r5", "r3", "r4")
        EK_STEP("r3", "r4", "r5")
        " cmp %[table], %[weights_end]\n"
        " bne 2b\n"
        " smlabt r10, r4, r9, r10\n"
        " smlabt r12, r5, r9, r12\n"
        EK_STORE_FOUR
        EK_LOOP_1XN);
  } else {
    __asm__ volatile(
        "1:\n"
        " ldr r6, [%[table], #-4]\n"
        " ldmia %[row]!, {r3, r4, r5}\n"
        " mov r10, r6\n"
        " mov r11, r6\n"
        " mov r12, r6\n"
        "2:\n"
        EK_STEP_BY_2("r3", "r4", "r5", "r9")
        EK_STEP_BY_2("r4", "r5", "r9", "r3")
        EK_STEP_BY_2("r5", "r9", "r3", "r4")
        EK_STEP_BY_2("r9", "r3", "r4", "r5")
        " cmp %[table], %[weights_end]\n"
        " bne 2b\n"
        " ldr r8, [%[table], #-4]\n"
        " ldr r9, [%[row]], #4\n"
        " smlabt r10, r3, r8, r10\n"
        " smlabt r11, r4, r8, r11\n"
        " smlabt r12, r5, r8, r12\n"
        " smlabt r6, r9, r8, r6\n"
        EK_STORE_FOUR
        EK_LOOP_1XN);
  }
  return out;
}
#else
EK_INLINE int8_t *ek_tiles_1xn(uint32_t *table, const uint32_t *row, int32_t stride, int32_t steps, int32_t words,
                               int8_t *out) {
  const uint32_t *const weights = table + 1;
  const ek_depthwise_scale *const scale = (const ek_depthwise_scale *)(weights + 2 * steps);
  for (; words > 0; words -= 2 * stride, row += 2 * stride, out += 4 * scale->second) {
    for (int32_t output = 3; output >= 0; output--) {
      const int32_t is_odd = output * stride % 2;
      const uint32_t *const pairs = row + output * stride / 2;
      int32_t sum = (int32_t)table[0];
      sum = is_odd != 0 ? ek_smlatb(pairs[0], weights[0], sum) : ek_smlabt(pairs[steps], weights[2 * steps - 1], sum);
      for (int32_t i = 0; i < steps; i++) {
        sum = ek_smlad(pairs[i + is_odd], weights[2 * i + is_odd], sum);
      }
      out[output < 3 ? output * scale->second : scale->last] = ek_depthwise_output(sum, scale);
    }
  }
  return out;
}
#endif

#endif
