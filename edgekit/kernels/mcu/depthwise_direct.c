/*
 * Depthwise convolution window by window, four channels at a time, for cores with DSP instructions: where there are
 * fewer windows than pay for widening rows (depthwise_planes.c).
 *
 * Taps go by twos. The bytes of two taps of two channels are in one word, which two SXTB16 make pairs of int16 of; the
 * weights lie in that order. The second of an odd number of taps has no weight. Where channels are no multiple of four,
 * the last ones are computed again.
 */
#include "depthwise.h"
#include "dsp.h"
#include "requantize.h"

enum { EK_CHANNELS = 4 };

/* Add the products of two taps of four channels. */
EK_INLINE const uint32_t *add_taps(uint32_t first, uint32_t second, const uint32_t *weights, int32_t *sums) {
  const uint32_t low = ek_pkhbt(first, second), high = ek_pkhtb(second, first);
  sums[0] = ek_smlad(ek_sxtb16(low), ek_sxtb16(weights[0]), sums[0]);
  sums[1] = ek_smlad(ek_sxtb16_ror8(low), ek_sxtb16_ror8(weights[0]), sums[1]);
  sums[2] = ek_smlad(ek_sxtb16(high), ek_sxtb16(weights[1]), sums[2]);
  sums[3] = ek_smlad(ek_sxtb16_ror8(high), ek_sxtb16_ror8(weights[1]), sums[3]);
  return weights + 2;
}

/* Four channels of a window; gives the next channels' weights. */
static const uint32_t *window(const ek_depthwise_direct_layer *layer, const int8_t *in, const uint32_t *weights,
                              const ek_channel *channel, int8_t *out) {
  const int32_t step = layer->tap_step;
  int32_t sums[EK_CHANNELS] = {0, 0, 0, 0};
  for (int32_t y = layer->kernel_h; y > 0; y--, in += layer->tap_row_step) {
    const int8_t *tap = in;
    int32_t left = layer->kernel_w;
    for (; left > 1; left -= 2, tap += 2 * step) {
      weights = add_taps(ek_load_word(tap), ek_load_word(tap + step), weights, sums);
    }
    if (left > 0) {
      const uint32_t last = ek_load_word(tap);
      weights = add_taps(last, last, weights, sums);
    }
  }
  for (int32_t i = 0; i < EK_CHANNELS; i++, channel++) {
    const int32_t twice = ek_add_wrapping(channel->twice_bias, ek_double_wrapping(sums[i]));
    *out++ = (int8_t)ek_ssat8(ek_scale(twice, channel->multiplier, channel->rounding, channel->right));
  }
  return weights;
}

void ek_depthwise_direct(const ek_depthwise_direct_layer *layer, const int8_t *in, const int32_t *weights,
                         const int32_t *channels, int8_t *out) {
  const int32_t count = layer->channels;
  int8_t *const start = out;
  for (int32_t image = layer->images; image > 0; image--, in += layer->image_bytes) {
    for (int32_t y = 0; y < layer->out_height; y++) {
      for (int32_t x = 0; x < layer->out_width; x++, out += count) {
        const int8_t *const first = in + y * layer->window_row_step + x * layer->window_step;
        const uint32_t *next = (const uint32_t *)weights;
        for (int32_t c = 0; c < count; c += EK_CHANNELS) {
          const int32_t at = c + EK_CHANNELS <= count ? c : count - EK_CHANNELS;
          next = window(layer, first + at, next, (const ek_channel *)(const void *)channels + at, out + at);
        }
      }
    }
  }
  ek_clamp(start, out, layer->low, layer->high);
}
