/*
 * Depthwise convolution in plain C, four channels of a pixel at a time: for cores without DSP instructions, which may not
 * load words from any address, and for layers that other kernels do not compute.
 *
 * Weights are [four channels][tap][4]. Channels that are left over, and those with several filters each, go one filter
 * at a time: their weights are [filter][tap]. Outputs take as long as several taps: so factors of the usual kind have a
 * function of their own, which scales by ek_scale.
 */
#include "depthwise_windows.h"
#include "scale_any.h"

enum { EK_CHANNELS = 4, EK_ANY_WORDS = 3, EK_QUICK_WORDS = 4 };

/* The output of a sum by a filter's factors. */
typedef int8_t scale_function(const ek_depthwise_window_layer *layer, int32_t sum, const int32_t *factors);

EK_INLINE int8_t scale_any(const ek_depthwise_window_layer *layer, int32_t sum, const int32_t *factors) {
  return ek_scale_any(sum, (const ek_any_channel *)(const void *)factors, layer->zero_point, layer->low, layer->high);
}

EK_INLINE int8_t scale_quick(const ek_depthwise_window_layer *layer, int32_t sum, const int32_t *factors) {
  const int32_t twice = ek_add_wrapping(factors[0], ek_double_wrapping(sum));
  const int32_t value = ek_scale(twice, factors[1], factors[2], factors[3]);
  return (int8_t)(value < layer->low ? layer->low : value > layer->high ? layer->high : value);
}

/* The sum of one filter, whose weights are `step` bytes apart. */
EK_INLINE int32_t sum_one(const int8_t *in, const int32_t *taps, const int32_t *end, const int8_t *weights,
                          int32_t step) {
  int32_t sum = 0;
  for (; taps != end; weights += step) {
    sum += in[*taps++] * *weights;
  }
  return sum;
}

/* The sums of four channels: at once where the core has registers for that. */
EK_INLINE void sum_four(const int8_t *in, const int32_t *taps, const int32_t *end, const int8_t *weights,
                        int32_t *sums) {
#ifdef __ARM_ARCH_6M__
  for (int32_t i = 0; i < EK_CHANNELS; i++) {
    sums[i] = sum_one(in + i, taps, end, weights + i, EK_CHANNELS);
  }
#else
  int32_t a = 0, b = 0, c = 0, d = 0;
  for (; taps != end; weights += EK_CHANNELS) {
    const int8_t *const from = in + *taps++;
    a += from[0] * weights[0];
    b += from[1] * weights[1];
    c += from[2] * weights[2];
    d += from[3] * weights[3];
  }
  sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
#endif
}

/* All channels of a window; each filter has so many words of factors. */
EK_INLINE void compute(const ek_depthwise_window_layer *layer, const int8_t *in, const int32_t *taps,
                       const int8_t *weights, const int32_t *factors, int8_t *out, int32_t words,
                       scale_function *scale) {
  const int32_t count = layer->kernel_h * layer->kernel_w;
  const int32_t *const end = taps + count;
  int32_t left = layer->channels;
  for (; left >= EK_CHANNELS && layer->filters == 1; left -= EK_CHANNELS, in += EK_CHANNELS) {
    int32_t sums[EK_CHANNELS];
    sum_four(in, taps, end, weights, sums);
    weights += EK_CHANNELS * count;
    for (int32_t i = 0; i < EK_CHANNELS; i++, factors += words) {
      *out++ = scale(layer, sums[i], factors);
    }
  }
  for (; left > 0; left--, in++) {
    for (int32_t filter = layer->filters; filter > 0; filter--, factors += words, weights += count) {
      *out++ = scale(layer, sum_one(in, taps, end, weights, 1), factors);
    }
  }
}

static EK_NOINLINE void window_any(const ek_depthwise_window_layer *layer, const int8_t *in, const int32_t *taps,
                                   const int8_t *weights, const int32_t *factors, int8_t *out) {
  compute(layer, in, taps, weights, factors, out, EK_ANY_WORDS, scale_any);
}

static EK_NOINLINE void window_quick(const ek_depthwise_window_layer *layer, const int8_t *in, const int32_t *taps,
                                     const int8_t *weights, const int32_t *factors, int8_t *out) {
  compute(layer, in, taps, weights, factors, out, EK_QUICK_WORDS, scale_quick);
}

void ek_depthwise_plain(const ek_depthwise_window_layer *layer, const int8_t *in, const int8_t *weights,
                        const int32_t *channels, int8_t *out, void *scratch) {
  ek_for_windows(layer, in, weights, channels, out, scratch, window_quick);
}

void ek_depthwise_any(const ek_depthwise_window_layer *layer, const int8_t *in, const int8_t *weights,
                      const int32_t *channels, int8_t *out, void *scratch) {
  ek_for_windows(layer, in, weights, channels, out, scratch, window_any);
}
