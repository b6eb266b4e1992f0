/*
 * The average of each window, halves rounded away from zero, four channels at a time, for cores with DSP instructions.
 * Where a window holds a power of two of elements, which are not too many, two channels are divided at once.
 */
#include "pooling_windows.h"

enum { EK_MOST_POWER = 7 };

static const uint32_t ONE_EACH = 0x00010001u, LOW_BYTES = 0x00ff00ffu;

/* Two sums plus half of 2^power, rounded up; less one if negative. */
EK_INLINE uint32_t round_halves(uint32_t sums, uint32_t nearly_half) {
  return ek_sadd16(ek_sadd16(sums, nearly_half), ONE_EACH & ~(sums >> 15));
}

/* Four averages of 2^power elements each, at least two. They fit bytes: so does what is cut out of the rounded sums. */
EK_INLINE uint32_t divide_halves(ek_halves sums, int32_t power) {
  const uint32_t nearly_half = (((uint32_t)1 << (power - 1)) - 1) * ONE_EACH;
  const uint32_t even = round_halves(sums.even, nearly_half), odd = round_halves(sums.odd, nearly_half);
  return ((even >> power) & LOW_BYTES) | ((odd << (8 - power)) & ~LOW_BYTES);
}

/* Four averages of any number of elements. */
static EK_NOINLINE uint32_t average_any(const ek_window *window, const int8_t *first) {
  const int32_t count = window->rows * window->columns;
  int32_t sums[EK_CHANNELS];
  uint32_t four = 0;
  ek_sum_words(window, first, sums);
  for (int32_t i = 0; i < EK_CHANNELS; i++) {
    four |= ((uint32_t)ek_average_of(sums[i], count) & 0xffu) << (8 * i);
  }
  return four;
}

static EK_NOINLINE void average(const ek_pooling_layer *layer, const ek_window *window, int8_t *out) {
  const int32_t channels = layer->channels, power = ek_power_of(window->rows * window->columns);
  const int32_t is_square = window->rows == 2 && window->columns == 2;
  const int32_t step = window->step, row_step = window->row_step;
  const uint32_t low = (uint32_t)(uint8_t)layer->low * 0x01010101u, high = (uint32_t)(uint8_t)layer->high * 0x01010101u;
  for (int32_t c = 0; c < channels; c += EK_CHANNELS) {
    const int32_t at = ek_four_from(c, channels);
    const int8_t *const first = window->first + at;
    uint32_t four;
    if (is_square) {
      ek_halves sums = {0, 0};
      sums = ek_add_four(ek_add_four(sums, first), first + step);
      sums = ek_add_four(ek_add_four(sums, first + row_step), first + row_step + step);
      four = divide_halves(sums, 2);
    } else if (power > 0 && power <= EK_MOST_POWER) {
      four = divide_halves(ek_sum_halves(window, first), power);
    } else {
      four = average_any(window, first);
    }
    ek_store_word(out + at, ek_smin8(ek_smax8(four, low), high));
  }
}

void ek_average_pool(const ek_pooling_layer *layer, const int8_t *in, int8_t *out) {
  ek_pool(layer, in, out, average);
}
