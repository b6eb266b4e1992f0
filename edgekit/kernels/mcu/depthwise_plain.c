/*
 * Depthwise convolution in plain C, four channels of a pixel at a time: for cores without DSP instructions, which may not
 * load words from any address, and for layers that other kernels do not compute.
 *
 * Weights are [four channels][tap][4]. Channels that are left over, and those with several filters each, go one filter
 * at a time: their weights are [filter][tap].
 */
#include "depthwise_windows.h"
#include "scale_any.h"

enum { EK_CHANNELS = 4 };

static EK_NOINLINE void window(const ek_depthwise_window_layer *layer, const int8_t *in, const int32_t *taps,
                               const int8_t *weights, const int32_t *scales, int8_t *out) {
  const int32_t *const end = taps + layer->kernel_h * layer->kernel_w;
  const int32_t zero_point = layer->zero_point, low = layer->low, high = layer->high;
  const ek_any_channel *channel = (const ek_any_channel *)(const void *)scales;
  int32_t left = layer->channels;
  for (; left >= EK_CHANNELS && layer->filters == 1; left -= EK_CHANNELS, in += EK_CHANNELS) {
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (const int32_t *tap = taps; tap != end; tap++, weights += EK_CHANNELS) {
      const int8_t *const from = in + *tap;
      a += from[0] * weights[0];
      b += from[1] * weights[1];
      c += from[2] * weights[2];
      d += from[3] * weights[3];
    }
    *out++ = ek_scale_any(a, channel++, zero_point, low, high);
    *out++ = ek_scale_any(b, channel++, zero_point, low, high);
    *out++ = ek_scale_any(c, channel++, zero_point, low, high);
    *out++ = ek_scale_any(d, channel++, zero_point, low, high);
  }
  for (; left > 0; left--, in++) {
    for (int32_t filter = layer->filters; filter > 0; filter--) {
      int32_t sum = 0;
      for (const int32_t *tap = taps; tap != end; tap++) {
        sum += in[*tap] * *weights++;
      }
      *out++ = ek_scale_any(sum, channel++, zero_point, low, high);
    }
  }
}

void ek_depthwise_plain(const ek_depthwise_window_layer *layer, const int8_t *in, const int8_t *weights,
                        const int32_t *channels, int8_t *out, void *scratch) {
  ek_for_windows(layer, in, weights, channels, out, scratch, window);
}
