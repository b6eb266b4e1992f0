/* How windows move over a plane, for max_pool.c and average_pool.c; and sums of bytes. */
#ifndef EK_POOLING_WINDOWS_H
#define EK_POOLING_WINDOWS_H

#include "dsp.h"
#include "pooling.h"

enum { EK_CHANNELS = 4, EK_MOST_INT16_TERMS = 255 };

/* Part of a window that is inside the plane, at four of its channels. */
typedef struct ek_window {
  const int8_t *first;
  int32_t rows;
  int32_t columns;
  int32_t step;     /* bytes to the next column */
  int32_t row_step; /* to the next row */
} ek_window;

/* Where a window begins and how long it is, of `taps` at `start` on an axis of `size`. */
EK_INLINE int32_t ek_cut(int32_t start, int32_t taps, int32_t size, int32_t *length) {
  const int32_t begin = start < 0 ? 0 : start, end = start + taps < size ? start + taps : size;
  *length = end - begin;
  return begin;
}

/* Four channels' results of each window; of channels that are no multiple of four the last ones come twice. */
EK_INLINE void ek_pool(const ek_pooling_layer *layer, const int8_t *in, int8_t *out,
                       void (*reduce)(const ek_pooling_layer *layer, const ek_window *window, int8_t *out)) {
  const int32_t channels = layer->channels, row_step = layer->width * channels;
  ek_window window = {in, 0, 0, channels, row_step};
  for (int32_t image = layer->images; image > 0; image--, in += layer->height * row_step) {
    for (int32_t y = 0; y < layer->out_height; y++) {
      const int32_t top = ek_cut(y * layer->stride_h - layer->pad_top, layer->kernel_h, layer->height, &window.rows);
      for (int32_t x = 0; x < layer->out_width; x++, out += channels) {
        const int32_t left =
            ek_cut(x * layer->stride_w - layer->pad_left, layer->kernel_w, layer->width, &window.columns);
        for (int32_t c = 0; c < channels; c += EK_CHANNELS) {
          const int32_t at = c + EK_CHANNELS <= channels ? c : channels - EK_CHANNELS;
          window.first = in + top * row_step + left * channels + at;
          reduce(layer, &window, out + at);
        }
      }
    }
  }
}

/* The sums of four channels. */
EK_INLINE void ek_sum_window(const ek_window *window, int32_t *sums) {
  const int8_t *row = window->first;
  sums[0] = sums[1] = sums[2] = sums[3] = 0;
  for (int32_t y = window->rows; y > 0; y--, row += window->row_step) {
    const int8_t *from = row;
    for (int32_t left = window->columns; left > 0; left -= EK_MOST_INT16_TERMS) {
      uint32_t even = 0, odd = 0; /* channels 0 and 2, 1 and 3 */
      for (int32_t i = left < EK_MOST_INT16_TERMS ? left : EK_MOST_INT16_TERMS; i > 0; i--, from += window->step) {
        const uint32_t four = ek_load_word(from);
        even = ek_sadd16(even, ek_sxtb16(four));
        odd = ek_sadd16(odd, ek_sxtb16_ror8(four));
      }
      sums[0] += ek_bottom(even), sums[1] += ek_bottom(odd);
      sums[2] += ek_top(even), sums[3] += ek_top(odd);
    }
  }
}

#endif
