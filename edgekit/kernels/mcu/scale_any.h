/* From an accumulator to an output for any factor, zero point and clamp: see requantize.h for what is computed. */
#ifndef EK_SCALE_ANY_H
#define EK_SCALE_ANY_H

#include "dsp.h"

/* A channel of a layer: `shift` > 0 is to the left. */
typedef struct ek_any_channel {
  int32_t bias;
  int32_t multiplier;
  int32_t shift;
} ek_any_channel;

static EK_NOINLINE int8_t ek_scale_any(int32_t sum, const ek_any_channel *channel, int32_t zero_point, int32_t low,
                                       int32_t high) {
  const int32_t left = channel->shift > 0 ? channel->shift : 0, right = channel->shift < 0 ? -channel->shift : 0;
  const int32_t shifted = (int32_t)((uint32_t)ek_add_wrapping(sum, channel->bias) << left);
  const int32_t product = (int32_t)(((int64_t)shifted * channel->multiplier + (1 << 30)) >> 31);
  /* Half away from zero, without a sum that may overflow. */
  const int32_t mask = (int32_t)(((uint32_t)1 << right) - 1), rest = product & mask;
  const int32_t divided = (product >> right) + (rest > (mask >> 1) + (product < 0));
  const int32_t value = ek_add_wrapping(divided, zero_point);
  return (int8_t)(value < low ? low : value > high ? high : value);
}

#endif
