/*
 * The inner loops of depthwise_3x3.c: neighbouring outputs of one channel. Assembly where the core has DSP
 * instructions, else the same in C.
 *
 * A plane holds int16 pairs of neighbouring columns: those of four rows side by side (three where windows move by two),
 * then those of the next two columns. A channel's table has twice its bias, then for the filter's rows the words
 * (w0, w1), then (w1, w2): the first multiply the pairs of an output at an even column, whose last tap is the top half
 * of the second; those multiply the pairs of an output at an odd column, whose first tap is the bottom half of the first.
 *
 * Outputs are stored from the last to the first. So those that are too many, beside or below the plane, may be stored
 * where the ones before them go.
 */
#ifndef EK_DEPTHWISE_3X3_TILE_H
#define EK_DEPTHWISE_3X3_TILE_H

#include "dsp.h"
#include "requantize.h"

/* A channel's table. Distances are in bytes, from the first output of a tile. */
typedef struct ek_table_3x3 {
  int32_t twice_bias;
  uint32_t left[3];
  uint32_t right[3];
  int32_t multiplier;
  int32_t rounding;
  int32_t shift;
  int32_t beside;
  int32_t below;
  int32_t below_beside;
  int32_t next; /* tile */
  uint32_t end; /* of tiles in the plane: an address, for assembly alone */
} ek_table_3x3;

#if EK_HAS_DSP
/* r3 = a sum scaled by the multiplier in r0, the rounding in r1 and the shift in r2. */
#define EK_SCALE_3X3(sum)                                                                                    \
  " smmlar r3, " sum ", r0, r1\n"                                                                            \
  " add r3, r3, " sum ", asr #31\n"                                                                          \
  " asr r3, r3, r2\n"                                                                                        \
  " ssat r3, #8, r3\n"

/* A row's first words, or last: two rows of pairs, of which each goes to one row of outputs. `x` and `y` are halves. */
#define EK_LEFT_3X3(upper, lower, weights, b0, b1, b2)                                                       \
  " smlad r10, " upper ", " weights ", " b0 "\n"                                                             \
  " smlatb r11, " upper ", " weights ", " b1 "\n"                                                            \
  " smlad r12, " lower ", " weights ", " b2 "\n"                                                             \
  " smlatb r6, " lower ", " weights ", r6\n"
#define EK_RIGHT_3X3(upper, lower, weights)                                                                  \
  " smlabt r10, " upper ", " weights ", r10\n"                                                               \
  " smlad r11, " upper ", " weights ", r11\n"                                                                \
  " smlabt r12, " lower ", " weights ", r12\n"                                                               \
  " smlad r6, " lower ", " weights ", r6\n"

#define EK_LOOP_3X3                                                                                          \
  " strb r3, [%[out]]\n"                                                                                     \
  " ldrd r8, r9, [%[table], #24]\n"                                                                          \
  " add %[out], %[out], r8\n"                                                                                \
  " sub %[table], %[table], #28\n"                                                                           \
  " cmp %[pairs], r9\n"                                                                                      \
  " bne 1b\n"                                                                                                \
  : [table] "+&r"(table), [pairs] "+&r"(pairs), [out] "+&r"(out)                                             \
  :                                                                                                          \
  : "r0", "r1", "r2", "r3", "r6", "r8", "r9", "r10", "r11", "r12", "cc", "memory"

/* Tiles of two by two outputs, for as many pairs of columns; gives where the next tile goes. */
EK_INLINE int8_t *ek_tiles_by_1(ek_table_3x3 *table, const uint32_t *pairs, int32_t count, int8_t *out) {
  table->end = (uint32_t)(uintptr_t)(pairs + 4 * count);
  __asm__ volatile(
      "1:\n"
      " ldr r6, [%[table]], #4\n"
      " ldmia %[pairs]!, {r0, r1, r2, r3}\n"
      " ldrd r8, r9, [%[table]], #8\n"
      EK_LEFT_3X3("r0", "r1", "r8", "r6", "r6", "r6")
      EK_LEFT_3X3("r1", "r2", "r9", "r10", "r11", "r12")
      " ldrd r8, r9, [%[table]], #8\n"
      EK_LEFT_3X3("r2", "r3", "r8", "r10", "r11", "r12")
      " ldmia %[pairs], {r0, r1, r2, r3}\n"
      EK_RIGHT_3X3("r0", "r1", "r9")
      " ldrd r8, r9, [%[table]], #8\n"
      EK_RIGHT_3X3("r1", "r2", "r8")
      EK_RIGHT_3X3("r2", "r3", "r9")
      " ldmia %[table], {r0, r1, r2}\n"
      EK_SCALE_3X3("r6")
      " ldrd r8, r9, [%[table], #16]\n"
      " strb r3, [%[out], r9]\n"
      EK_SCALE_3X3("r12")
      " ldr r9, [%[table], #12]\n"
      " strb r3, [%[out], r8]\n"
      EK_SCALE_3X3("r11")
      " strb r3, [%[out], r9]\n"
      EK_SCALE_3X3("r10")
      EK_LOOP_3X3);
  return out;
}

/* Tiles of two outputs of windows that move by two, for twice as many pairs of columns. */
EK_INLINE int8_t *ek_tiles_by_2(ek_table_3x3 *table, const uint32_t *pairs, int32_t count, int8_t *out) {
  table->end = (uint32_t)(uintptr_t)(pairs + 6 * count);
  __asm__ volatile(
      "1:\n"
      " ldr r6, [%[table]], #4\n"
      " ldmia %[table]!, {r3, r8, r9}\n"
      " ldmia %[pairs]!, {r0, r1, r2}\n"
      " smlad r10, r0, r3, r6\n"
      " smlad r10, r1, r8, r10\n"
      " smlad r10, r2, r9, r10\n"
      " ldmia %[pairs]!, {r0, r1, r2}\n"
      " smlad r11, r0, r3, r6\n"
      " smlad r11, r1, r8, r11\n"
      " smlad r11, r2, r9, r11\n"
      " ldmia %[table]!, {r3, r8, r9}\n"
      " smlabt r10, r0, r3, r10\n"
      " smlabt r10, r1, r8, r10\n"
      " smlabt r10, r2, r9, r10\n"
      " ldmia %[pairs], {r0, r1, r2}\n"
      " smlabt r11, r0, r3, r11\n"
      " smlabt r11, r1, r8, r11\n"
      " smlabt r11, r2, r9, r11\n"
      " ldmia %[table], {r0, r1, r2}\n"
      EK_SCALE_3X3("r11")
      " ldr r9, [%[table], #12]\n"
      " strb r3, [%[out], r9]\n"
      EK_SCALE_3X3("r10")
      EK_LOOP_3X3);
  return out;
}
#else
/* One output. `pairs` are `rows` side by side; its window begins at the top half of the first if it is odd. */
EK_INLINE int8_t ek_output_3x3(const ek_table_3x3 *table, const uint32_t *pairs, int32_t rows, int is_odd) {
  int32_t sum = table->twice_bias;
  for (int32_t y = 0; y < 3; y++) {
    const uint32_t first = pairs[y], second = pairs[rows + y];
    sum = is_odd ? ek_smlad(second, table->right[y], ek_smlatb(first, table->left[y], sum))
                 : ek_smlabt(second, table->right[y], ek_smlad(first, table->left[y], sum));
  }
  return (int8_t)ek_ssat8(ek_scale(sum, table->multiplier, table->rounding, table->shift));
}

EK_INLINE int8_t *ek_tiles_by_1(ek_table_3x3 *table, const uint32_t *pairs, int32_t count, int8_t *out) {
  for (; count > 0; count--, pairs += 4, out += table->next) {
    out[table->below_beside] = ek_output_3x3(table, pairs + 1, 4, 1);
    out[table->below] = ek_output_3x3(table, pairs + 1, 4, 0);
    out[table->beside] = ek_output_3x3(table, pairs, 4, 1);
    out[0] = ek_output_3x3(table, pairs, 4, 0);
  }
  return out;
}

EK_INLINE int8_t *ek_tiles_by_2(ek_table_3x3 *table, const uint32_t *pairs, int32_t count, int8_t *out) {
  for (; count > 0; count--, pairs += 6, out += table->next) {
    out[table->beside] = ek_output_3x3(table, pairs + 3, 3, 0);
    out[0] = ek_output_3x3(table, pairs, 3, 0);
  }
  return out;
}
#endif

#endif
