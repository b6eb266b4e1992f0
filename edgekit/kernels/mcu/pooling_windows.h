/* How windows move over a plane, for all kernels of pooling; and sums of bytes. */
#ifndef EK_POOLING_WINDOWS_H
#define EK_POOLING_WINDOWS_H

#include "dsp.h"
#include "pooling.h"

enum { EK_CHANNELS = 4, EK_MOST_INT16_TERMS = 255 };

/* Part of a window that is inside the plane. */
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

/* The first of four channels of which `c` is one that has to be computed: the last four may come twice. */
EK_INLINE int32_t ek_four_from(int32_t c, int32_t channels) {
  return c + EK_CHANNELS <= channels ? c : channels - EK_CHANNELS;
}

/* What `reduce` makes of each window, which are all channels of a pixel. */
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
        window.first = in + top * row_step + left * channels;
        reduce(layer, &window, out);
      }
    }
  }
}

/* The power of two that `count` is, which is at least 1; -1 if it is none. */
EK_INLINE int32_t ek_power_of(int32_t count) {
  int32_t power = 0;
  while ((count >> power) > 1) {
    power++;
  }
  return count == 1 << power ? power : -1;
}

/* A sum over `count`, halves rounded away from zero. */
EK_INLINE int32_t ek_average_of(int32_t sum, int32_t count) {
  const int32_t half = count / 2;
  return (sum + (sum < 0 ? -half : half)) / count;
}

/* Sums of four channels as halves of words: of channels 0 and 2, and of 1 and 3. */
typedef struct ek_halves {
  uint32_t even;
  uint32_t odd;
} ek_halves;

EK_INLINE ek_halves ek_add_four(ek_halves sums, const int8_t *from) {
  const uint32_t four = ek_load_word(from);
  const ek_halves more = {ek_sxtab16(sums.even, four), ek_sxtab16_ror8(sums.odd, four)};
  return more;
}

/* The sums of four channels of a window of at most EK_MOST_INT16_TERMS, the first one at `row`. */
EK_INLINE ek_halves ek_sum_halves(const ek_window *window, const int8_t *row) {
  ek_halves sums = {0, 0};
  for (int32_t y = window->rows; y > 0; y--, row += window->row_step) {
    const int8_t *from = row;
    for (int32_t x = window->columns; x > 0; x--, from += window->step) {
      sums = ek_add_four(sums, from);
    }
  }
  return sums;
}

EK_INLINE void ek_add_halves(ek_halves halves, int32_t *sums) {
  sums[0] += ek_bottom(halves.even), sums[1] += ek_bottom(halves.odd);
  sums[2] += ek_top(halves.even), sums[3] += ek_top(halves.odd);
}

/* The sums of four channels, the first one at `row`. */
EK_INLINE void ek_sum_words(const ek_window *window, const int8_t *row, int32_t *sums) {
  sums[0] = sums[1] = sums[2] = sums[3] = 0;
  if (window->rows * window->columns <= EK_MOST_INT16_TERMS) {
    ek_add_halves(ek_sum_halves(window, row), sums);
    return;
  }
  for (int32_t y = window->rows; y > 0; y--, row += window->row_step) {
    const int8_t *from = row;
    for (int32_t left = window->columns; left > 0; left -= EK_MOST_INT16_TERMS) {
      ek_halves part = {0, 0};
      for (int32_t i = left < EK_MOST_INT16_TERMS ? left : EK_MOST_INT16_TERMS; i > 0; i--, from += window->step) {
        part = ek_add_four(part, from);
      }
      ek_add_halves(part, sums);
    }
  }
}

/* The same, without loading words. */
EK_INLINE void ek_sum_bytes(const ek_window *window, const int8_t *row, int32_t *sums) {
  int32_t a = 0, b = 0, c = 0, d = 0;
  for (int32_t y = window->rows; y > 0; y--, row += window->row_step) {
    const int8_t *from = row;
    for (int32_t x = window->columns; x > 0; x--, from += window->step) {
      a += from[0], b += from[1], c += from[2], d += from[3];
    }
  }
  sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
}

#endif
