/*
 * How windows move over a plane, for kernels that compute all channels of a pixel before the next.
 *
 * A list says how far behind the plane's start each tap of a window is read; outside the plane that is a row of padding.
 * Windows that are inside the plane share the list of the first one in their row, moved on.
 */
#ifndef EK_DEPTHWISE_WINDOWS_H
#define EK_DEPTHWISE_WINDOWS_H

#include "depthwise.h"
#include "dsp.h"

/* Compute all channels of a window whose taps are as far behind `in` as the list says. */
typedef void ek_window_function(const ek_depthwise_window_layer *layer, const int8_t *in, const int32_t *taps,
                                const int8_t *weights, const int32_t *scales, int8_t *out);

/* List how far behind the plane's start the taps of the window at (y, x) are, and `padding` for those outside. */
static EK_NOINLINE void ek_list_taps(const ek_depthwise_window_layer *layer, int32_t y, int32_t x, int32_t padding,
                                     int32_t *taps) {
  for (int32_t row = layer->kernel_h; row > 0; row--, y += layer->dilation_h) {
    int32_t column = x;
    for (int32_t i = layer->kernel_w; i > 0; i--, column += layer->dilation_w) {
      const int32_t is_inside = y >= 0 && y < layer->height && column >= 0 && column < layer->width;
      *taps++ = is_inside ? (y * layer->width + column) * layer->channels : padding;
    }
  }
}

/* Compute every window. `scratch` is the list, a word for each tap, then the padding, a byte for each channel. */
EK_INLINE void ek_for_windows(const ek_depthwise_window_layer *layer, const int8_t *in, const int8_t *weights,
                              const int32_t *scales, int8_t *out, void *scratch, ek_window_function *window) {
  const int32_t channels = layer->channels, step = layer->stride_w * channels;
  const int32_t out_step = channels * layer->filters;
  const int32_t reach_h = (layer->kernel_h - 1) * layer->dilation_h + 1;
  const int32_t reach_w = (layer->kernel_w - 1) * layer->dilation_w + 1;
  int32_t *const taps = scratch;
  int8_t *const padding = (int8_t *)(taps + layer->kernel_h * layer->kernel_w);
  for (int32_t i = 0; i < channels; i++) {
    padding[i] = (int8_t)layer->pad_value;
  }
  for (int32_t image = layer->images; image > 0; image--, in += layer->height * layer->width * channels) {
    /* The plane and the scratch memory are parts of one arena: how far apart they are fits 32 bits. */
    const int32_t to_padding = (int32_t)((intptr_t)padding - (intptr_t)in);
    int32_t y = -layer->pad_top;
    for (int32_t row = layer->out_height; row > 0; row--, y += layer->stride_h) {
      int32_t x = -layer->pad_left, is_listed = 0, offset = 0;
      for (int32_t left = layer->out_width; left > 0; left--, x += layer->stride_w, out += out_step) {
        const int32_t is_inner = y >= 0 && y + reach_h <= layer->height && x >= 0 && x + reach_w <= layer->width;
        if (is_inner == 0 || is_listed == 0) {
          ek_list_taps(layer, y, x, to_padding, taps);
          offset = 0;
        }
        is_listed = is_inner;
        window(layer, in + offset, taps, weights, scales, out);
        offset += step;
      }
    }
  }
}

#endif
