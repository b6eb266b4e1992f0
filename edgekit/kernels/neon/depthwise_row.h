/*
 * Rows of depthwise convolution output on ARM: int8 in, int8 out, exact. 64-bit and 32-bit NEON.
 *
 * A vector is 8 channels. Products are added in pairs into eight int16 (two products of int8 values fit, since
 * weights are never -128), and these into eight int32. 3x3 filters and short ones of one row keep weights and the
 * columns that neighbouring pixels share in registers; other filters, and fewer than 8 channels, take up to
 * EK_DEPTHWISE_PIXELS pixels at a time.
 *
 * Weights are packed [block of 8 channels][row of the filter][column][8]. The last block starts at channel
 * `channels - 8`: it may overlap the one before it. Fewer than 8 channels are padded to 8: biases, multipliers and
 * shifts too, and up to 7 bytes after what the last pixel reads are read.
 */
#ifndef EDGEKIT_NEON_DEPTHWISE_ROW_H
#define EDGEKIT_NEON_DEPTHWISE_ROW_H

#include "../common/depthwise_row.h"
#include "row.h"

#define EK_DEPTHWISE_INLINE EK_NEON static inline __attribute__((always_inline))

/*
 * In a form of scaling: which of row.h it is, and whether scaled sums may leave the range of an int16, so that
 * they must be saturated where they are narrowed. RELU may shift by 0 too.
 */
enum { EK_KIND = 3, EK_WIDE = 4 };

enum { EK_LANES = 8, EK_DEPTHWISE_PIXELS = 4, EK_TAPS_3X3 = 9 };
enum { EK_LINE_PIXELS = 4, EK_MOST_LINE_TAPS = 9, EK_MOST_COLUMNS = EK_MOST_LINE_TAPS + EK_LINE_PIXELS - 1 };

/* How the sums of 8 channels become bytes. */
typedef struct ek_eight_channels {
  int32x4_t bias[2];
  int32x4_t multiplier[2];
  int32x4_t shift[2];
  int16x8_t zero_point;
  int8x8_t low;
  int8x8_t high;
} ek_eight_channels;

/* One column of a 3x3 window. */
typedef struct ek_column {
  int8x8_t rows[3];
} ek_column;

EK_DEPTHWISE_INLINE ek_eight_channels ek_load_channels(const ek_depthwise_row *row, int32_t channel) {
  ek_eight_channels how;
  EK_UNROLL
  for (int half = 0; half < 2; half++) {
    how.bias[half] = vld1q_s32(row->bias + channel + 4 * half);
    how.multiplier[half] = vld1q_s32(row->multiplier + channel + 4 * half);
    how.shift[half] = vld1q_s32(row->shift + channel + 4 * half);
  }
  how.zero_point = vdupq_n_s16((int16_t)row->zero_point);
  how.low = vdup_n_s8((int8_t)row->low);
  how.high = vdup_n_s8((int8_t)row->high);
  return how;
}

/* Scale the sums of one pixel and store its first `count` channels. */
EK_DEPTHWISE_INLINE void ek_store_depthwise(const ek_eight_channels *how, const int32x4_t *sums, int8_t *out,
                                            const int32_t count, const int form) {
  const int kind = form & EK_KIND;
  const int32x4_t first = ek_scale(sums[0], how->multiplier[0], how->shift[0], kind);
  const int32x4_t second = ek_scale(sums[1], how->multiplier[1], how->shift[1], kind);
  const int16x8_t scaled = form & EK_WIDE ? vcombine_s16(vqmovn_s32(first), vqmovn_s32(second))
                                          : vcombine_s16(vmovn_s32(first), vmovn_s32(second));
  int8x8_t bytes = vqmovn_s16(vqaddq_s16(scaled, how->zero_point));
  if (kind == EK_GENERAL) bytes = vmax_s8(vmin_s8(bytes, how->high), how->low);
  if (count >= EK_LANES) {
    vst1_s8(out, bytes);
  } else {
    ek_store_some(out, vget_lane_u64(vreinterpret_u64_s8(bytes), 0), count);
  }
}

/* Add two products, or one, to the sums of a pixel. */
EK_DEPTHWISE_INLINE void ek_add_products(int32x4_t *sums, int16x8_t products) {
  sums[0] = vaddw_s16(sums[0], vget_low_s16(products));
  sums[1] = vaddw_s16(sums[1], vget_high_s16(products));
}

/* The rows that a 3x3 window moves along, and how far it has come. */
typedef struct ek_window {
  const int8_t *rows[3];
  intptr_t at;
  intptr_t tap_stride;
} ek_window;

EK_DEPTHWISE_INLINE ek_window ek_first_window(const ek_depthwise_row *row, const int8_t *x) {
  ek_window window = {{x, x + row->row_stride, x + 2 * row->row_stride}, 0, row->tap_stride};
  EK_OPAQUE(window.rows[1]);
  EK_OPAQUE(window.rows[2]);
  return window;
}

/* The next column. */
EK_DEPTHWISE_INLINE ek_column ek_next_column(ek_window *window) {
  ek_column column;
  EK_UNROLL
  for (int row = 0; row < 3; row++) column.rows[row] = vld1_s8(window->rows[row] + window->at);
  window->at += window->tap_stride;
  EK_OPAQUE(window->at);
  return column;
}

/* The next pixel. */
EK_DEPTHWISE_INLINE int8_t *ek_next_pixel(int8_t *out, int32_t channels) {
  out += channels;
  EK_OPAQUE(out);
  return out;
}

/* One pixel of a 3x3 filter: its nine products in pairs, from the top left. */
EK_DEPTHWISE_INLINE void ek_pixel_3x3(const ek_eight_channels *how, const int8x8_t *weights, const ek_column *left,
                                      const ek_column *middle, const ek_column *right, int8_t *out,
                                      const int form) {
  int32x4_t sums[2] = {how->bias[0], how->bias[1]};
  const ek_column *columns[3] = {left, middle, right};
  EK_UNROLL
  for (int tap = 0; tap < EK_TAPS_3X3 - 1; tap += 2) {
    const int next = tap + 1;
    const int16x8_t first = vmull_s8(columns[tap % 3]->rows[tap / 3], weights[tap]);
    ek_add_products(sums, vmlal_s8(first, columns[next % 3]->rows[next / 3], weights[next]));
  }
  ek_add_products(sums, vmull_s8(right->rows[2], weights[EK_TAPS_3X3 - 1]));
  ek_store_depthwise(how, sums, out, EK_LANES, form);
}

/* A row of a 3x3 filter that moves by one column: neighbours share two. */
EK_DEPTHWISE_INLINE void ek_row_3x3_by_1(const ek_depthwise_row *row, const ek_eight_channels *how,
                                         const int8x8_t *weights, const int8_t *x, int8_t *out, const int form) {
  ek_window window = ek_first_window(row, x);
  ek_column a = ek_next_column(&window), b = ek_next_column(&window), c;
  for (int32_t left = row->pixels; left > 0; left -= 3) {
    c = ek_next_column(&window);
    ek_pixel_3x3(how, weights, &a, &b, &c, out, form);
    if (left == 1) break;
    out = ek_next_pixel(out, row->channels);
    a = ek_next_column(&window);
    ek_pixel_3x3(how, weights, &b, &c, &a, out, form);
    if (left == 2) break;
    out = ek_next_pixel(out, row->channels);
    b = ek_next_column(&window);
    ek_pixel_3x3(how, weights, &c, &a, &b, out, form);
    out = ek_next_pixel(out, row->channels);
  }
}

/* A row of a 3x3 filter that moves by two columns: neighbours share one. */
EK_DEPTHWISE_INLINE void ek_row_3x3_by_2(const ek_depthwise_row *row, const ek_eight_channels *how,
                                         const int8x8_t *weights, const int8_t *x, int8_t *out, const int form) {
  ek_window window = ek_first_window(row, x);
  ek_column a = ek_next_column(&window), b, c;
  for (int32_t left = row->pixels; left > 0; left -= 2) {
    b = ek_next_column(&window);
    c = ek_next_column(&window);
    ek_pixel_3x3(how, weights, &a, &b, &c, out, form);
    if (left == 1) break;
    out = ek_next_pixel(out, row->channels);
    b = ek_next_column(&window);
    a = ek_next_column(&window);
    ek_pixel_3x3(how, weights, &c, &b, &a, out, form);
    out = ek_next_pixel(out, row->channels);
  }
}

/* PIXELS pixels of a filter of one row, TAPS columns, that moves by STRIDE: what they share is loaded once. */
EK_DEPTHWISE_INLINE void ek_tile_line(const ek_depthwise_row *row, const ek_eight_channels *how,
                                      const int8x8_t *weights, const int8_t *x, int8_t *out, const int TAPS,
                                      const int STRIDE, const int PIXELS, const int form) {
  int8x8_t columns[EK_MOST_COLUMNS];
  EK_UNROLL
  for (int column = 0; column < TAPS + (PIXELS - 1) * STRIDE; column++) {
    if (column > 0 && column % 4 == 0) { /* three offsets are kept: fewer additions */
      x += 4 * row->tap_stride;
      EK_OPAQUE(x);
    }
    columns[column] = vld1_s8(x + column % 4 * row->tap_stride);
  }
  EK_UNROLL
  for (int p = 0; p < PIXELS; p++) {
    int32x4_t sums[2] = {how->bias[0], how->bias[1]};
    EK_UNROLL
    for (int tap = 0; tap < TAPS - 1; tap += 2) {
      const int16x8_t first = vmull_s8(columns[p * STRIDE + tap], weights[tap]);
      ek_add_products(sums, vmlal_s8(first, columns[p * STRIDE + tap + 1], weights[tap + 1]));
    }
    ek_add_products(sums, vmull_s8(columns[p * STRIDE + TAPS - 1], weights[TAPS - 1])); /* their number is odd */
    ek_store_depthwise(how, sums, out, EK_LANES, form);
    out = ek_next_pixel(out, row->channels);
  }
}

/* A row of a filter of one row. */
EK_DEPTHWISE_INLINE void ek_row_line(const ek_depthwise_row *row, const ek_eight_channels *how,
                                     const int8x8_t *weights, const int8_t *x, int8_t *out, const int TAPS,
                                     const int STRIDE, const int form) {
  const int PIXELS = EK_LINE_PIXELS / STRIDE;
  int32_t left = row->pixels;
  for (; left >= PIXELS; left -= PIXELS) {
    ek_tile_line(row, how, weights, x, out, TAPS, STRIDE, PIXELS, form);
    x += PIXELS * row->pixel_stride;
    out += PIXELS * row->channels;
  }
  for (; left > 0; left--) {
    ek_tile_line(row, how, weights, x, out, TAPS, STRIDE, 1, form);
    x += row->pixel_stride;
    out += row->channels;
  }
}

/* PIXELS pixels of any filter. */
EK_DEPTHWISE_INLINE void ek_tile_depthwise(const ek_depthwise_row *row, const ek_eight_channels *how,
                                           const int8_t *weights, const int8_t *x, int8_t *out, const int32_t count,
                                           const int PIXELS, const int form) {
  int32x4_t sums[EK_DEPTHWISE_PIXELS][2];
  EK_UNROLL
  for (int p = 0; p < PIXELS; p++) {
    sums[p][0] = how->bias[0];
    sums[p][1] = how->bias[1];
  }
  for (int32_t ky = 0; ky < row->kernel_h; ky++) {
    const int8_t *tap = x + ky * row->row_stride;
    int32_t left = row->kernel_w;
    for (; left >= 2; left -= 2) {
      const int8x8_t first = vld1_s8(weights), second = vld1_s8(weights + EK_LANES);
      EK_UNROLL
      for (int p = 0; p < PIXELS; p++) {
        const int8_t *from = tap + p * row->pixel_stride;
        const int16x8_t product = vmull_s8(vld1_s8(from), first);
        ek_add_products(sums[p], vmlal_s8(product, vld1_s8(from + row->tap_stride), second));
      }
      weights += 2 * EK_LANES;
      tap += 2 * row->tap_stride;
    }
    if (left > 0) {
      const int8x8_t last = vld1_s8(weights);
      EK_UNROLL
      for (int p = 0; p < PIXELS; p++) {
        ek_add_products(sums[p], vmull_s8(vld1_s8(tap + p * row->pixel_stride), last));
      }
      weights += EK_LANES;
    }
  }
  EK_UNROLL
  for (int p = 0; p < PIXELS; p++) ek_store_depthwise(how, sums[p], out + p * row->channels, count, form);
}

/* A row of any filter. */
EK_DEPTHWISE_INLINE void ek_row_any(const ek_depthwise_row *row, const ek_eight_channels *how, const int8_t *weights,
                                    const int8_t *x, int8_t *out, const int32_t count, const int form) {
  int32_t left = row->pixels;
  for (; left >= EK_DEPTHWISE_PIXELS; left -= EK_DEPTHWISE_PIXELS) {
    ek_tile_depthwise(row, how, weights, x, out, count, EK_DEPTHWISE_PIXELS, form);
    x += EK_DEPTHWISE_PIXELS * row->pixel_stride;
    out += EK_DEPTHWISE_PIXELS * row->channels;
  }
  for (; left > 0; left--) {
    ek_tile_depthwise(row, how, weights, x, out, count, 1, form);
    x += row->pixel_stride;
    out += row->channels;
  }
}

/* One block of channels of all pixels. See ek_depthwise for TAPS and STRIDE. */
EK_DEPTHWISE_INLINE void ek_block_depthwise(const ek_depthwise_row *row, const int8_t *packed, int32_t channel,
                                            const int32_t count, const int TAPS, const int STRIDE, const int form) {
  const ek_eight_channels how = ek_load_channels(row, channel);
  const int8_t *x = row->x + channel;
  int8_t *out = row->out + channel;
  int8x8_t weights[EK_TAPS_3X3];
  EK_UNROLL
  for (int tap = 0; tap < (TAPS > 0 ? TAPS : EK_TAPS_3X3); tap++) {
    if (STRIDE > 0) weights[tap] = vld1_s8(packed + EK_LANES * tap);
  }
  for (int32_t y = 0; y < row->rows; y++) {
    if (TAPS > 0) ek_row_line(row, &how, weights, x, out, TAPS, STRIDE, form);
    if (TAPS == 0 && STRIDE == 0) ek_row_any(row, &how, packed, x, out, count, form);
    if (TAPS == 0 && STRIDE == 1) ek_row_3x3_by_1(row, &how, weights, x, out, form);
    if (TAPS == 0 && STRIDE == 2) ek_row_3x3_by_2(row, &how, weights, x, out, form);
    x += row->next_row;
    out += row->pixels * row->channels;
  }
}

/*
 * All pixels, one block of channels after the other. For 8 channels or more: TAPS columns of a filter of one row (0:
 * a 3x3 filter), that moves by STRIDE. Both are 0 for any filter and any number of channels.
 */
EK_DEPTHWISE_INLINE void ek_depthwise(const ek_depthwise_row *given, const int TAPS, const int STRIDE,
                                      const int form) {
  const ek_depthwise_row row = *given; /* a copy that no store through `out` can change */
  const int32_t block_bytes = row.kernel_h * row.kernel_w * EK_LANES;
  const int8_t *weights = row.weights;
  if (STRIDE == 0 && row.channels < EK_LANES) {
    ek_block_depthwise(&row, weights, 0, row.channels, TAPS, STRIDE, form);
    return;
  }
  for (int32_t at = 0; at < row.channels; at += EK_LANES) {
    const int32_t channel = at + EK_LANES <= row.channels ? at : row.channels - EK_LANES;
    ek_block_depthwise(&row, weights, channel, EK_LANES, TAPS, STRIDE, form);
    weights += block_bytes;
  }
}

#endif
