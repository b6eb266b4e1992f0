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
 * 16: biases, multipliers and shifts too, and up to 15 bytes after what the last pixel reads are read.
 */
#ifndef EDGEKIT_X86_DEPTHWISE_ROW_VNNI_H
#define EDGEKIT_X86_DEPTHWISE_ROW_VNNI_H

#include "../common/depthwise_row.h"
#include "row_vnni.h"

enum { EK_TAPS = 4, EK_VECTOR = 64, EK_MOST_COLUMNS = 9, EK_MOST_PIXELS = 8 };

/* What one block of channels needs besides a row's operands. */
typedef struct ek_block {
  const int8_t *weights;
  ek_scaling how;
  __m512i low;
  __m512i high;
  int32_t zero_point;
  int32_t step;     /* bytes between neighbouring pixels of output */
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

/* Bytes of a column, 3 rows high or 4. */
EK_VNNI_INLINE __m512i ek_column(const int8_t *const *rows, int32_t at, const int HEIGHT) {
  const __m128i first = _mm_loadu_si128((const __m128i_u *)(rows[0] + at));
  return ek_interleave(first, rows[1] + at, rows[2] + at, HEIGHT == 4 ? rows[3] + at : 0);
}

/* ROWS rows of output, 1 or 2, of a 3x3 filter that moves by BY columns. */
EK_VNNI_INLINE void ek_rows_3x3(const ek_depthwise_row row, const ek_block *block, const int8_t *x, int8_t *out,
                                const int ROWS, const int BY, const int form) {
  const int pixels = 4 / ROWS, kept = 3 - BY, columns = (pixels - 1) * BY + 3;
  const int32_t last = (row.pixels - 1) * row.pixel_stride + 2 * row.tap_stride;
  const int8_t *rows[4] = {x, x + row.row_stride, x + 2 * row.row_stride, x + (ROWS + 1) * row.row_stride};
  __m512i weights[2][3], window[EK_MOST_COLUMNS];
  EK_UNROLL
  for (int k = 0; k < 3; k++) {
    weights[0][k] = _mm512_loadu_si512(block->weights + EK_VECTOR * k);
    weights[1][k] = _mm512_slli_epi32(weights[0][k], 8); /* one row lower */
  }
  int32_t at = 0;
  EK_UNROLL
  for (int k = 0; k < kept; k++) {
    window[k] = ek_column(rows, at, ROWS + 2);
    at += row.tap_stride;
  }
  for (int32_t left = row.pixels; left > 0; left -= pixels) {
    EK_UNROLL
    for (int k = kept; k < columns; k++) {
      window[k] = ek_column(rows, at < last ? at : last, ROWS + 2);
      at += row.tap_stride;
    }
    __m512i sums[4];
    EK_UNROLL
    for (int i = 0; i < 4; i++) {
      sums[i] = block->how.bias;
      EK_UNROLL
      for (int k = 0; k < 3; k++) {
        sums[i] = _mm512_dpbusd_epi32(sums[i], window[i % pixels * BY + k], weights[i / pixels][k]);
      }
    }
    ek_store_four(block, sums, out, row.pixels * row.channels, left, pixels, form);
    out += pixels * row.channels;
    EK_UNROLL
    for (int k = 0; k < kept; k++) window[k] = window[pixels * BY + k];
  }
}

/* One block of channels of a 3x3 filter. */
EK_VNNI_INLINE void ek_block_3x3(const ek_depthwise_row row, const ek_block *block, const int8_t *x, int8_t *out,
                                 const int BY, const int form) {
  int32_t left = row.rows;
  for (; BY == 1 && row.next_row == row.row_stride && left >= 2; left -= 2) {
    ek_rows_3x3(row, block, x, out, 2, 1, form);
    x += 2 * row.next_row;
    out += 2 * row.pixels * row.channels;
  }
  for (; left > 0; left--) {
    ek_rows_3x3(row, block, x, out, 1, BY, form);
    x += row.next_row;
    out += row.pixels * row.channels;
  }
}

/* ----------------------------------------------------------------------------------------- other filters */

/* Bytes of 4 taps that begin at `x`, or at `end` if that comes first. */
EK_VNNI_INLINE __m512i ek_four_columns(const int8_t *x, int32_t tap_stride, const int8_t *end) {
  const int8_t *taps[EK_TAPS];
  EK_UNROLL
  for (int k = 0; k < EK_TAPS; k++) {
    taps[k] = x < end ? x : end;
    x += tap_stride;
  }
  return ek_interleave(_mm_loadu_si128((const __m128i_u *)taps[0]), taps[1], taps[2], taps[3]);
}

/* PIXELS pixels, 4 or 8, of a filter that moves by BY columns. Beginnings have WIDE times 4 columns. */
EK_VNNI_INLINE void ek_tile_sliding(const ek_depthwise_row row, const ek_block *block, const int8_t *x,
                                    const int8_t *end, int8_t *out, int32_t count, const int PIXELS, const int BY,
                                    const int WIDE, const int form) {
  const int beginnings = EK_TAPS / BY, groups = PIXELS / beginnings, widest = EK_TAPS * WIDE - EK_TAPS + BY;
  const int8_t *weights = block->weights;
  __m512i sums[EK_MOST_PIXELS];
  EK_UNROLL
  for (int p = 0; p < PIXELS; p++) sums[p] = block->how.bias;
  for (int32_t ky = 0; ky < row.kernel_h; ky++) {
    for (int32_t part = 0; part < row.kernel_w; part += widest) {
      EK_UNROLL
      for (int k = 0; k < groups + WIDE - 1; k++) {
        const __m512i values = ek_four_columns(x + (part + EK_TAPS * k) * row.tap_stride, row.tap_stride, end);
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
    x += row.row_stride;
    end += row.row_stride;
  }
  EK_UNROLL
  for (int p = 0; p < PIXELS; p += 4) {
    if (p < count) ek_store_four(block, sums + p, out + p * row.channels, 0, count - p, 4, form);
  }
}

/* A row of a filter that moves by BY columns. */
EK_VNNI_INLINE void ek_row_sliding(const ek_depthwise_row row, const ek_block *block, const int8_t *x, int8_t *out,
                                   const int BY, const int WIDE, const int form) {
  const int8_t *end = x + (row.pixels - 1) * row.pixel_stride + (row.kernel_w - 1) * row.tap_stride;
  int32_t left = row.pixels;
  for (; left > 4; left -= 8) {
    ek_tile_sliding(row, block, x, end, out, left, 8, BY, WIDE, form);
    x += 8 * row.pixel_stride;
    out += 8 * row.channels;
  }
  if (left > 0) ek_tile_sliding(row, block, x, end, out, left, 4, BY, WIDE, form);
}

/* A row of any filter. */
EK_VNNI_INLINE void ek_row_any(const ek_depthwise_row row, const ek_block *block, const int8_t *x, int8_t *out,
                               const int form) {
  const int8_t *const last = x + (row.pixels - 1) * row.pixel_stride;
  for (int32_t left = row.pixels; left > 0; left -= 4) {
    const int8_t *weights = block->weights, *pixels[4];
    __m512i sums[4];
    EK_UNROLL
    for (int p = 0; p < 4; p++) {
      pixels[p] = p < left ? x + p * row.pixel_stride : last;
      sums[p] = block->how.bias;
    }
    for (int32_t ky = 0; ky < row.kernel_h; ky++) {
      for (int32_t kx = 0; kx < row.kernel_w; kx += EK_TAPS) {
        const __m512i weight = _mm512_loadu_si512(weights);
        EK_UNROLL
        for (int p = 0; p < 4; p++) {
          const int8_t *run = pixels[p] + ky * row.row_stride;
          const int8_t *end = run + (row.kernel_w - 1) * row.tap_stride;
          const __m512i values = ek_four_columns(run + kx * row.tap_stride, row.tap_stride, end);
          sums[p] = _mm512_dpbusd_epi32(sums[p], values, weight);
        }
        weights += EK_VECTOR;
      }
    }
    ek_store_four(block, sums, out, 0, left, 4, form);
    x += 4 * row.pixel_stride;
    out += 4 * row.channels;
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


/* Where the weights of a block lie. WIDE is 0 for 3x3 filters; BY is 0 for a filter that moves anyhow. */
EK_VNNI_INLINE __m512i ek_block_excess(const ek_depthwise_row row, const int8_t *weights, int32_t *vectors,
                                       const int BY, const int WIDE) {
  if (BY > 0 && WIDE > 0) {
    const int widest = EK_TAPS * WIDE - EK_TAPS + BY, beginnings = EK_TAPS / BY;
    const int32_t parts = row.kernel_h * ((row.kernel_w + widest - 1) / widest);
    __m512i sum = _mm512_setzero_si512();
    for (int32_t part = 0; part < parts; part++) {
      sum = _mm512_add_epi32(sum, ek_excess(weights + EK_VECTOR * WIDE * beginnings * part, WIDE));
    }
    *vectors = parts * WIDE * beginnings;
    return sum;
  }
  *vectors = BY > 0 ? 3 : row.kernel_h * ((row.kernel_w + EK_TAPS - 1) / EK_TAPS);
  return ek_excess(weights, *vectors);
}

/* All pixels, one block of channels after the other. */
EK_VNNI_INLINE void ek_depthwise(const ek_depthwise_row *given, const int BY, const int WIDE, const int form) {
  const ek_depthwise_row row = *given; /* a copy that no store through `out` can change */
  ek_block block;
  block.weights = row.weights;
  block.low = _mm512_set1_epi8((int8_t)row.low);
  block.high = _mm512_set1_epi8((int8_t)row.high);
  block.zero_point = row.zero_point;
  block.step = row.channels;
  block.lanes = row.channels >= EK_LANES ? UINT16_MAX : (__mmask16)((1 << row.channels) - 1);
  for (int32_t start = 0; start < row.channels; start += EK_LANES) {
    const int32_t most = row.channels >= EK_LANES ? row.channels - EK_LANES : 0;
    const int32_t channel = start < most ? start : most;
    int32_t vectors;
    const __m512i excess = ek_block_excess(row, block.weights, &vectors, BY, WIDE);
    block.how = ek_load_scaling(row.bias + channel, row.multiplier + channel, row.shift + channel, row.zero_point, form);
    block.how.bias = _mm512_sub_epi32(block.how.bias, excess);
    const int8_t *x = row.x + channel;
    int8_t *out = row.out + channel;
    if (BY > 0 && WIDE == 0) {
      ek_block_3x3(row, &block, x, out, BY, form);
    } else {
      for (int32_t y = 0; y < row.rows; y++) {
        if (BY > 0) ek_row_sliding(row, &block, x, out, BY, WIDE, form);
        if (BY == 0) ek_row_any(row, &block, x, out, form);
        x += row.next_row;
        out += row.pixels * row.channels;
      }
    }
    block.weights += EK_VECTOR * vectors;
  }
}

#endif
