/*
 * From an accumulator to an int8 output, exactly as TFLite's reference kernels do it: the accumulator is shifted left
 * (usually by 0), multiplied by `multiplier` / 2^31 and rounded half up, divided by 2^right and rounded half away
 * from zero, moved by the output's zero point and clamped.
 */
#ifndef EK_REQUANTIZE_H
#define EK_REQUANTIZE_H

#include "dsp.h"

/*
 * `twice` is the accumulator times two; right >= 1; |accumulator| < 2^30.
 * `rounding` = (zero_point << right) + (1 << (right - 1)), which must not overflow.
 *
 * The doubled accumulator makes the high half of the product what TFLite's doubling multiplication gives, with the same
 * rounding. Rounding half away from zero takes 1 from negative values before the shift: the sign may be the
 * accumulator's, since where the product is rounded to 0 taking 1 changes nothing.
 */
EK_INLINE int32_t ek_scale(int32_t twice, int32_t multiplier, int32_t rounding, int32_t right) {
  return ek_add_wrapping(ek_smmlar(twice, multiplier, rounding), twice >> 31) >> right;
}

/* How the sums of a channel become outputs, in the words of ek_scale. */
typedef struct ek_channel {
  int32_t twice_bias; /* twice what is added to a sum */
  int32_t multiplier;
  int32_t rounding;
  int32_t right;
} ek_channel;

/* Clamp outputs that are within the range of an int8 to a smaller one, if it is. */
EK_INLINE void ek_clamp(int8_t *out, const int8_t *end, int8_t low, int8_t high) {
  if (low > INT8_MIN || high < INT8_MAX) {
    for (; out != end; out++) {
      *out = *out < low ? low : *out > high ? high : *out;
    }
  }
}

#endif
