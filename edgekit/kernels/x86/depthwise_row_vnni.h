/*
 * Rows of depthwise convolution output on x86 with AVX512-VNNI: int8 in, int8 out, exact.
 *
 * A vector is 16 channels. Bytes of 4 taps are interleaved, channel by channel, so that vpdpbusd adds the products
 * of all 4 to a channel's sum. It multiplies unsigned bytes by signed ones: inputs get 128 added, and what that adds
 * to the sums is taken off the bias. Interleaving costs more than multiplying, so pixels share its results:
 *
 * - 3x3 filters interleave columns, 3 rows high, or 4 for two rows of output at once;
 * - other filters that move by 1 or 2 columns interleave 4 neighbouring columns of a row. Pixels begin at any of
 *   the 4, and each beginning has weights of its own, moved by as many taps;
 * - all others interleave 4 taps of one pixel.
 *
 * Weights are packed [block of 16 channels][…][16][4 taps], in between [column of the filter], or [row of the
 * filter][part][beginning][4 columns], or [row of the filter][4 columns]. Taps that do not exist have weight 0. The last
 * block starts at channel `channels - 16`: it may overlap the one before it. Fewer than 16 channels are padded to
 * 16: biases, multipliers and shifts too.
 */
#ifndef EDGEKIT_X86_DEPTHWISE_ROW_VNNI_H
#define EDGEKIT_X86_DEPTHWISE_ROW_VNNI_H

#include "depthwise.h"
#include "row_vnni.h"

enum { EK_TAPS = 4, EK_VECTOR = 64, EK_MOST_COLUMNS = 9, EK_MOST_PIXELS = 8 };

/* One block of channels. */
typedef struct ek_block {
  const int8_t *x; /* of the whole input */
  const int8_t *weights;
  const int8_t *padding; /* a pixel of it */
  ek_scaling how;
  __m512i padded; /* padding, interleaved */
  __m512i low;
  __m512i high;
  int32_t zero_point;
  int32_t step;    /* bytes between neighbouring pixels, of output or input */
  __mmask16 lanes; /* channels that exist */
} ek_block;

/* The bytes of 4 taps, interleaved, with 128 added. */
EK_VNNI_INLINE __m512i ek_interleave(__m128i first, const int8_t *second, const int8_t *third, const int8_t *fourth) {
  const __m512i lanes = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i bytes = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  __m512i taps = _mm512_castsi128_si512(first);
  taps = _mm512_inserti32x4(taps, _mm_loadu_si128((const __m128i_u *)second), 1);
  taps = _mm512_inserti32x4(taps, _mm_loadu_si128((const __m128i_u *)third), 2);
  if (fourth) taps = _mm512_inserti32x4(taps, _mm_loadu_si128((const __m128i_u *)fourth), 3);
  taps = _mm512_shuffle_epi8(_mm512_permutexvar_epi32(lanes, taps), bytes);
  return _mm512_xor_si512(taps, _mm512_set1_epi8(INT8_MIN));
}

/* Scale the sums of 4 pixels and store the first `count` of them. Pixel i goes to i % ROW steps in row i / ROW. */
EK_VNNI_INLINE void ek_store_four(const ek_block *block, const __m512i *sums, int8_t *out, int32_t next_row,
                                  int32_t count, const int ROW, const int form) {
  __m512i scaled[4];
  EK_UNROLL
  for (int i = 0; i < 4; i++) scaled[i] = ek_scale_vnni(sums[i], &block->how, block->zero_point, form);
  const __m512i bytes = ek_narrow_vnni(block->low, block->high, scaled);
  const __m128i pixels[4] = {_mm512_castsi512_si128(bytes), _mm512_extracti32x4_epi32(bytes, 1),
                             _mm512_extracti32x4_epi32(bytes, 2), _mm512_extracti32x4_epi32(bytes, 3)};
  const int whole = count >= ROW && block->lanes == UINT16_MAX;
  EK_UNROLL
  for (int i = 0; i < 4; i++) {
    int8_t *to = out + i % ROW * block->step + i / ROW * next_row;
    if (whole) {
      _mm_storeu_si128((__m128i_u *)to, pixels[i]);
    } else if (i % ROW < count) {
      _mm_mask_storeu_epi8(to, block->lanes, pixels[i]);
    }
  }
}

/* ------------------------------------------------------------------------------------------------- 3x3 */

/* The 3 or 4 rows that a window moves along, and the column that comes next. */
typedef struct ek_window {
  const int8_t *rows[4];
  int32_t column;
} ek_window;

/* The next column, padding or not. */
EK_VNNI_INLINE __m512i ek_next_column(const ek_depthwise_rows load, const ek_block *block, ek_window *window,
                                      const int HEIGHT, const int inside) {
  const int32_t column = window->column;
  window->column += load.dilation_w;
  if (!inside && (uint32_t)column >= (uint32_t)load.width) return block->padded;
  const intptr_t at = (intptr_t)column * block->step;
  const __m128i first = _mm_loadu_si128((const __m128i_u *)(window->rows[0] + at));
  return ek_interleave(first, window->rows[1] + at, window->rows[2] + at, HEIGHT == 4 ? window->rows[3] + at : 0);
}

/* The weights of up to 2 rows of output, and where their sums begin. */
typedef struct ek_filter {
  __m512i weights[2][3];
  __m512i bias[2];
} ek_filter;

/*
 * The filter where the rows of taps whose bytes are set in `missing` are padding: what they add, no pixel changes. So
 * sums begin with it, and the weights of those rows are 0.
 */
EK_VNNI_INLINE ek_filter ek_filter_3x3(const ek_block *block, uint32_t missing) {
  const __m512i gone = _mm512_set1_epi32((int32_t)missing);
  ek_filter filter;
  EK_UNROLL
  for (int row = 0; row < 2; row++) {
    filter.bias[row] = block->how.bias;
    EK_UNROLL
    for (int k = 0; k < 3; k++) {
      const __m512i all = _mm512_loadu_si512(block->weights + EK_VECTOR * k);
      const __m512i moved = row == 0 ? all : _mm512_slli_epi32(all, 8);
      filter.bias[row] = _mm512_dpbusd_epi32(filter.bias[row], block->padded, _mm512_and_si512(gone, moved));
      filter.weights[row][k] = _mm512_andnot_si512(gone, moved);
    }
  }
  return filter;
}

/* The window of the rows from `top` on; missing ones are named, and replaced by one that exists. */
EK_VNNI_INLINE uint32_t ek_first_window(const ek_depthwise_rows load, const ek_block *block, int32_t top,
                                        ek_window *window, const int HEIGHT) {
  uint32_t missing = 0;
  EK_UNROLL
  for (int row = 0; row < HEIGHT; row++) {
    const int32_t y = top + row * load.dilation_h;
    const int exists = (uint32_t)y < (uint32_t)load.height;
    if (!exists) missing |= UINT32_C(0xFF) << (8 * row);
    window->rows[row] = block->x + (intptr_t)(exists ? y : 0) * load.width * block->step;
  }
  window->column = -load.pad_left;
  return missing;
}

/* ROWS rows of output, 1 or 2, of a 3x3 filter that moves by BY taps. */
EK_VNNI_INLINE void ek_rows_3x3(const ek_depthwise_rows load, const ek_block *block, const ek_filter *whole,
                                int32_t top, int8_t *out, const int ROWS, const int BY, const int form) {
  const int pixels = 4 / ROWS, kept = 3 - BY, columns = (pixels - 1) * BY + 3;
  const int32_t reach = (pixels * BY - 1) * load.dilation_w; /* from the next column to the last of a step */
  __m512i taps[EK_MOST_COLUMNS];
  ek_window window;
  const uint32_t missing = ek_first_window(load, block, top, &window, ROWS + 2);
  ek_filter filter = *whole;
  if (missing != 0) filter = ek_filter_3x3(block, missing);
  EK_UNROLL
  for (int k = 0; k < kept; k++) taps[k] = ek_next_column(load, block, &window, ROWS + 2, 0);
  for (int32_t left = load.pixels; left > 0; left -= pixels) {
    if (window.column >= 0 && window.column + reach < load.width) {
      EK_UNROLL
      for (int k = kept; k < columns; k++) taps[k] = ek_next_column(load, block, &window, ROWS + 2, 1);
    } else {
      EK_UNROLL
      for (int k = kept; k < columns; k++) taps[k] = ek_next_column(load, block, &window, ROWS + 2, 0);
    }
    __m512i sums[4];
    EK_UNROLL
    for (int i = 0; i < 4; i++) {
      sums[i] = filter.bias[i / pixels];
      EK_UNROLL
      for (int k = 0; k < 3; k++) {
        sums[i] = _mm512_dpbusd_epi32(sums[i], taps[i % pixels * BY + k], filter.weights[i / pixels][k]);
      }
    }
    ek_store_four(block, sums, out, load.pixels * block->step, left, pixels, form);
    out += pixels * block->step;
    EK_UNROLL
    for (int k = 0; k < kept; k++) taps[k] = taps[pixels * BY + k];
  }
}

/* One block of channels of a 3x3 filter. */
EK_VNNI_INLINE void ek_block_3x3(const ek_depthwise_rows load, const ek_block *block, int8_t *out, const int BY,
                                 const int form) {
  const ek_filter whole = ek_filter_3x3(block, 0);
  int32_t top = load.first_row * load.stride_h - load.pad_top, left = load.rows;
  for (; BY == 1 && load.stride_h == load.dilation_h && left >= 2; left -= 2) {
    ek_rows_3x3(load, block, &whole, top, out, 2, 1, form);
    top += 2 * load.stride_h;
    out += 2 * load.pixels * block->step;
  }
  for (; left > 0; left--) {
    ek_rows_3x3(load, block, &whole, top, out, 1, BY, form);
    top += load.stride_h;
    out += load.pixels * block->step;
  }
}

/* ----------------------------------------------------------------------------------------- other filters */

/* 4 taps of a row from `column` on, padding or not. */
EK_VNNI_INLINE __m512i ek_four_columns(const ek_depthwise_rows load, const ek_block *block, const int8_t *row,
                                       int32_t column) {
  const int8_t *taps[EK_TAPS];
  EK_UNROLL
  for (int k = 0; k < EK_TAPS; k++) {
    const int32_t at = column + k * load.dilation_w;
    taps[k] = (uint32_t)at < (uint32_t)load.width ? row + (intptr_t)at * block->step : block->padding;
  }
  return ek_interleave(_mm_loadu_si128((const __m128i_u *)taps[0]), taps[1], taps[2], taps[3]);
}

/* 4 taps of a row, none of them padding. */
EK_VNNI_INLINE __m512i ek_four_inside(const ek_block *block, const int8_t *row, int32_t column, int32_t dilation) {
  const int8_t *first = row + (intptr_t)column * block->step;
  const intptr_t step = (intptr_t)dilation * block->step;
  return ek_interleave(_mm_loadu_si128((const __m128i_u *)first), first + step, first + 2 * step, first + 3 * step);
}

/* PIXELS pixels, 4 or 8, of a filter that moves by BY taps. Beginnings have WIDE times 4 columns. */
EK_VNNI_INLINE void ek_tile_sliding(const ek_depthwise_rows load, const ek_block *block, int32_t top, int32_t pixel,
                                    int8_t *out, const int PIXELS, const int BY, const int WIDE, const int form) {
  const int beginnings = EK_TAPS / BY, groups = PIXELS / beginnings, widest = EK_TAPS * WIDE - EK_TAPS + BY;
  const int fours = groups + WIDE - 1;
  const int8_t *weights = block->weights;
  __m512i sums[EK_MOST_PIXELS];
  EK_UNROLL
  for (int p = 0; p < PIXELS; p++) sums[p] = block->how.bias;
  for (int32_t ky = 0; ky < load.kernel_h; ky++) {
    const int32_t y = top + ky * load.dilation_h;
    const int exists = (uint32_t)y < (uint32_t)load.height;
    const int8_t *row = block->x + (intptr_t)(exists ? y : 0) * load.width * block->step;
    for (int32_t part = 0; part < load.kernel_w; part += widest) {
      const int32_t column = pixel * load.stride_w - load.pad_left + part * load.dilation_w;
      const int32_t last = column + (fours * EK_TAPS - 1) * load.dilation_w;
      const int inside = exists && column >= 0 && last < load.width;
      EK_UNROLL
      for (int k = 0; k < fours; k++) {
        const int32_t at = column + EK_TAPS * k * load.dilation_w;
        __m512i values = block->padded;
        if (inside) {
          values = ek_four_inside(block, row, at, load.dilation_w);
        } else if (exists) {
          values = ek_four_columns(load, block, row, at);
        }
        EK_UNROLL
        for (int group = 0; group < groups; group++) {
          if (group > k || k >= group + WIDE) continue;
          EK_UNROLL
          for (int b = 0; b < beginnings; b++) {
            const __m512i weight = _mm512_loadu_si512(weights + EK_VECTOR * (WIDE * b + k - group));
            sums[group * beginnings + b] = _mm512_dpbusd_epi32(sums[group * beginnings + b], values, weight);
          }
        }
      }
      weights += EK_VECTOR * WIDE * beginnings;
    }
  }
  EK_UNROLL
  for (int p = 0; p < PIXELS; p += 4) {
    if (pixel + p < load.pixels) {
      ek_store_four(block, sums + p, out + p * block->step, 0, load.pixels - pixel - p, 4, form);
    }
  }
}

/* A row of a filter that moves by BY taps. */
EK_VNNI_INLINE void ek_row_sliding(const ek_depthwise_rows load, const ek_block *block, int32_t top, int8_t *out,
                                   const int BY, const int WIDE, const int form) {
  int32_t pixel = 0;
  for (; pixel + 4 < load.pixels; pixel += 8) {
    ek_tile_sliding(load, block, top, pixel, out + pixel * block->step, 8, BY, WIDE, form);
  }
  if (pixel < load.pixels) ek_tile_sliding(load, block, top, pixel, out + pixel * block->step, 4, BY, WIDE, form);
}

/* A row of any filter. */
EK_VNNI_INLINE void ek_row_any(const ek_depthwise_rows load, const ek_block *block, int32_t top, int8_t *out,
                               const int form) {
  for (int32_t pixel = 0; pixel < load.pixels; pixel += 4) {
    const int8_t *weights = block->weights;
    __m512i sums[4];
    EK_UNROLL
    for (int p = 0; p < 4; p++) sums[p] = block->how.bias;
    for (int32_t ky = 0; ky < load.kernel_h; ky++) {
      const int32_t y = top + ky * load.dilation_h;
      const int exists = (uint32_t)y < (uint32_t)load.height;
      const int8_t *row = block->x + (intptr_t)(exists ? y : 0) * load.width * block->step;
      for (int32_t kx = 0; kx < load.kernel_w; kx += EK_TAPS) {
        const __m512i weight = _mm512_loadu_si512(weights);
        EK_UNROLL
        for (int p = 0; p < 4; p++) {
          const int32_t column = (pixel + p) * load.stride_w - load.pad_left + kx * load.dilation_w;
          const __m512i values = exists ? ek_four_columns(load, block, row, column) : block->padded;
          sums[p] = _mm512_dpbusd_epi32(sums[p], values, weight);
        }
        weights += EK_VECTOR;
      }
    }
    ek_store_four(block, sums, out + pixel * block->step, 0, load.pixels - pixel, 4, form);
  }
}

/* ------------------------------------------------------------------------------------------------ blocks */

/* 128 times the sums of `vectors` vectors of weights: what was added to the inputs adds that to the sums. */
EK_VNNI_INLINE __m512i ek_excess(const int8_t *weights, int32_t vectors) {
  __m512i sum = _mm512_setzero_si512();
  for (int32_t i = 0; i < vectors; i++) {
    sum = _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(INT8_MIN), _mm512_loadu_si512(weights + EK_VECTOR * i));
  }
  return sum;
}


/*
 * What was added to the inputs of a block adds to its sums, and how many vectors of weights it has. BY is 0 for a
 * filter that moves anyhow, WIDE for a 3x3 one.
 */
EK_VNNI_INLINE __m512i ek_block_excess(const ek_depthwise_rows load, const int8_t *weights, int32_t *vectors,
                                       const int BY, const int WIDE) {
  if (BY == 0 || WIDE == 0) {
    *vectors = BY > 0 ? 3 : load.kernel_h * ((load.kernel_w + EK_TAPS - 1) / EK_TAPS);
    return ek_excess(weights, *vectors);
  }
  const int widest = EK_TAPS * WIDE - EK_TAPS + BY, beginnings = EK_TAPS / BY;
  const int32_t parts = load.kernel_h * ((load.kernel_w + widest - 1) / widest);
  __m512i sum = _mm512_setzero_si512();
  for (int32_t part = 0; part < parts; part++) { /* the first beginning has every tap */
    sum = _mm512_add_epi32(sum, ek_excess(weights + EK_VECTOR * WIDE * beginnings * part, WIDE));
  }
  *vectors = parts * WIDE * beginnings;
  return sum;
}

/* All pixels, one block of channels after the other. */
EK_VNNI_INLINE void ek_depthwise(const ek_depthwise_rows *given, const int BY, const int WIDE, const int form) {
  const ek_depthwise_rows load = *given; /* a copy that no store through `out` can change */
  int8_t padding[EK_LANES];
  ek_block block;
  _mm_storeu_si128((__m128i_u *)padding, _mm_set1_epi8((int8_t)load.pad_value));
  block.padding = padding;
  block.padded = _mm512_set1_epi8((int8_t)(load.pad_value ^ INT8_MIN));
  block.weights = load.weights;
  block.low = _mm512_set1_epi8((int8_t)load.low);
  block.high = _mm512_set1_epi8((int8_t)load.high);
  block.zero_point = load.zero_point;
  block.step = load.channels;
  block.lanes = load.channels >= EK_LANES ? UINT16_MAX : (__mmask16)((1 << load.channels) - 1);
  for (int32_t start = 0; start < load.channels; start += EK_LANES) {
    const int32_t most = load.channels >= EK_LANES ? load.channels - EK_LANES : 0;
    const int32_t channel = start < most ? start : most;
    int32_t vectors;
    const __m512i excess = ek_block_excess(load, block.weights, &vectors, BY, WIDE);
    block.x = load.x + channel;
    block.how = ek_load_scaling(load.bias + channel, load.multiplier + channel, load.shift + channel,
                                load.zero_point, form);
    block.how.bias = _mm512_sub_epi32(block.how.bias, excess);
    int8_t *out = load.out + channel;
    if (BY > 0 && WIDE == 0) {
      ek_block_3x3(load, &block, out, BY, form);
    } else {
      for (int32_t y = load.first_row; y < load.first_row + load.rows; y++) {
        const int32_t top = y * load.stride_h - load.pad_top;
        if (BY > 0) ek_row_sliding(load, &block, top, out, BY, WIDE, form);
        if (BY == 0) ek_row_any(load, &block, top, out, form);
        out += load.pixels * load.channels;
      }
    }
    block.weights += EK_VECTOR * vectors;
  }
}

#endif
