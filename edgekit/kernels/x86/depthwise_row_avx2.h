/*
 * Rows of depthwise convolution output on x86 with AVX2: int8 in, int8 out, exact.
 *
 * A vector is 8 channels. Bytes of 2 taps, one below the other, are interleaved channel by channel and widened, so
 * that vpmaddwd adds the products of both to a channel's sum. That costs as much as multiplying, so the pixels of a
 * tile share what they both read: a column serves up to WIDE of them. Wider filters are computed in parts.
 *
 * Weights are packed [block of 8 channels][2 rows of the filter][column][8][2 rows]; columns are padded to whole parts.
 * Taps that do not exist have weight 0. The last block starts at channel `channels - 8`: it may overlap the one before
 * it. Fewer than 8 channels are padded to 8: biases, multipliers and shifts too.
 */
#ifndef EDGEKIT_X86_DEPTHWISE_ROW_AVX2_H
#define EDGEKIT_X86_DEPTHWISE_ROW_AVX2_H

#include "depthwise.h"
#include "row_avx2.h"

enum { EK_LANES = 8, EK_TAPS = 2, EK_VECTOR = 16, EK_FOUR = 4, EK_MOST_PIXELS = 8, EK_MOST_WIDE = 5 };

/* One block of channels. */
typedef struct ek_block {
  const int8_t *x; /* of the whole input */
  const int8_t *weights;
  const int8_t *padding; /* a pixel of it */
  __m256i padded;        /* two, interleaved and widened */
  ek_scaling how;
  int32_t lanes;     /* channels that exist */
  int32_t between;   /* columns of the input from one that a tile reads to the next */
  int32_t row_bytes; /* of the weights of 2 rows of the filter */
} ek_block;

/* A row of the input, or one of padding, which has a single pixel. */
typedef struct ek_line {
  const int8_t *x;
  intptr_t step; /* bytes between neighbouring pixels */
} ek_line;

EK_AVX2_INLINE ek_line ek_line_at(const ek_depthwise_rows load, const ek_block *block, int32_t y) {
  if ((uint32_t)y >= (uint32_t)load.height) return (ek_line){block->padding, 0};
  return (ek_line){block->x + (intptr_t)y * load.width * load.channels, load.channels};
}

/* The bytes of 2 taps, interleaved and widened. Where there is one, its sign stands for the other. */
EK_AVX2_INLINE __m256i ek_interleave(const int8_t *first, const int8_t *second, const int TAPS) {
  const __m128i one = _mm_loadl_epi64((const __m128i_u *)first);
  if (TAPS == 1) return _mm256_cvtepi8_epi32(one);
  return _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(one, _mm_loadl_epi64((const __m128i_u *)second)));
}

/* Add the products of TAPS rows, 1 or 2, and WIDE columns of the filter to the sums of PIXELS pixels. */
EK_AVX2_INLINE void ek_add_columns(const ek_depthwise_rows load, const ek_block *block, const ek_line *lines,
                                   int32_t column, const int8_t *weights, __m256i *sums, const int inside,
                                   const int TAPS, const int PIXELS, const int WIDE, const int BY) {
  const int columns = (PIXELS - 1) * BY + WIDE;
  intptr_t first = column * lines[0].step, second = column * lines[1].step;
  __m256i weight[EK_MOST_WIDE];
  EK_UNROLL
  for (int t = 0; t < WIDE; t++) {
    weight[t] = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i_u *)(weights + EK_VECTOR * t)));
  }
  EK_UNROLL
  for (int k = 0; k < columns; k++) {
    __m256i values = block->padded;
    if (inside || (uint32_t)(column + k * block->between) < (uint32_t)load.width) {
      values = ek_interleave(lines[0].x + first, lines[1].x + second, TAPS);
    }
    EK_UNROLL
    for (int p = 0; p < PIXELS; p++) {
      if (k < p * BY || k >= p * BY + WIDE) continue;
      sums[p] = _mm256_add_epi32(sums[p], _mm256_madd_epi16(values, weight[k - p * BY]));
    }
    first += block->between * lines[0].step;
    second += block->between * lines[1].step;
  }
}

/* Add what TAPS rows of the filter give, of which the first lies on row `y` of the input. */
EK_AVX2_INLINE void ek_add_rows(const ek_depthwise_rows load, const ek_block *block, int32_t y, int32_t pixel,
                                const int8_t *weights, __m256i *sums, const int TAPS, const int PIXELS,
                                const int WIDE, const int BY) {
  const int32_t reach = ((PIXELS - 1) * BY + WIDE - 1) * block->between; /* from the first column to the last */
  const ek_line lines[EK_TAPS] = {ek_line_at(load, block, y), ek_line_at(load, block, y + load.dilation_h)};
  for (int32_t part = 0; part < load.kernel_w; part += WIDE) {
    const int32_t column = pixel * load.stride_w - load.pad_left + part * load.dilation_w;
    if (column >= 0 && column + reach < load.width) {
      ek_add_columns(load, block, lines, column, weights, sums, 1, TAPS, PIXELS, WIDE, BY);
    } else {
      ek_add_columns(load, block, lines, column, weights, sums, 0, TAPS, PIXELS, WIDE, BY);
    }
    weights += EK_VECTOR * WIDE;
  }
}

EK_AVX2_INLINE void ek_store_pixel(int8_t *out, __m128i bytes, int32_t lanes) {
  if (lanes == EK_LANES) {
    _mm_storel_epi64((__m128i_u *)out, bytes);
    return;
  }
  int8_t whole[EK_LANES];
  _mm_storel_epi64((__m128i_u *)whole, bytes);
  for (int32_t c = 0; c < lanes; c++) out[c] = whole[c];
}

/* Scale the sums of 4 pixels and store the first `count` of them. */
EK_AVX2_INLINE void ek_store_four(const ek_depthwise_rows load, const ek_block *block, const __m256i *sums,
                                  int8_t *out, int32_t count, const int form) {
  const __m256i low = _mm256_set1_epi8((int8_t)load.low), high = _mm256_set1_epi8((int8_t)load.high);
  __m256i scaled[EK_FOUR];
  EK_UNROLL
  for (int i = 0; i < EK_FOUR; i++) scaled[i] = ek_scale_avx2(sums[i], &block->how, load.zero_point, form);
  const __m256i bytes = ek_narrow_avx2(low, high, scaled);
  const __m128i halves[2] = {_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1)};
  const __m128i pixels[EK_FOUR] = {halves[0], _mm_unpackhi_epi64(halves[0], halves[0]), halves[1],
                                   _mm_unpackhi_epi64(halves[1], halves[1])};
  EK_UNROLL
  for (int i = 0; i < EK_FOUR; i++) {
    if (i < count) ek_store_pixel(out + i * load.channels, pixels[i], block->lanes);
  }
}

/* PIXELS pixels, 4 or 8, from `pixel` on, of the row of output whose filter begins in row `top` of the input. */
EK_AVX2_INLINE void ek_tile(const ek_depthwise_rows load, const ek_block *block, int32_t top, int32_t pixel,
                            int8_t *out, const int PIXELS, const int WIDE, const int BY, const int form) {
  const int8_t *weights = block->weights;
  __m256i sums[EK_MOST_PIXELS];
  EK_UNROLL
  for (int p = 0; p < PIXELS; p++) sums[p] = block->how.bias;
  int32_t ky = 0;
  for (; ky + 1 < load.kernel_h; ky += EK_TAPS) {
    ek_add_rows(load, block, top + ky * load.dilation_h, pixel, weights, sums, EK_TAPS, PIXELS, WIDE, BY);
    weights += block->row_bytes;
  }
  if (ky < load.kernel_h) {
    ek_add_rows(load, block, top + ky * load.dilation_h, pixel, weights, sums, 1, PIXELS, WIDE, BY);
  }
  EK_UNROLL
  for (int p = 0; p < PIXELS; p += EK_FOUR) {
    ek_store_four(load, block, sums + p, out + p * load.channels, load.pixels - pixel - p, form);
  }
}

/*
 * All pixels, one block of channels after the other. A pixel reads WIDE columns of a part, and the next pixel begins
 * BY columns later. A filter of single columns (1, 1) may move by any number.
 */
EK_AVX2_INLINE void ek_depthwise(const ek_depthwise_rows *given, const int WIDE, const int BY, const int form) {
  const ek_depthwise_rows load = *given; /* a copy that no store through `out` can change */
  int8_t padding[EK_LANES];
  ek_block block;
  _mm_storel_epi64((__m128i_u *)padding, _mm_set1_epi8((int8_t)load.pad_value));
  block.padding = padding;
  block.padded = _mm256_set1_epi16((int16_t)load.pad_value);
  block.weights = load.weights;
  block.lanes = load.channels < EK_LANES ? load.channels : EK_LANES;
  block.between = WIDE > 1 ? load.dilation_w : load.stride_w;
  block.row_bytes = (load.kernel_w + WIDE - 1) / WIDE * WIDE * EK_VECTOR;
  for (int32_t start = 0; start < load.channels; start += EK_LANES) {
    const int32_t most = load.channels >= EK_LANES ? load.channels - EK_LANES : 0;
    const int32_t channel = start < most ? start : most;
    block.x = load.x + channel;
    block.how = ek_load_scaling(load.bias + channel, load.multiplier + channel, load.shift + channel,
                                load.zero_point, form);
    int8_t *row = load.out + channel;
    for (int32_t y = load.first_row; y < load.first_row + load.rows; y++) {
      const int32_t top = y * load.stride_h - load.pad_top;
      int32_t pixel = 0;
      for (; pixel + EK_FOUR < load.pixels; pixel += EK_MOST_PIXELS) {
        ek_tile(load, &block, top, pixel, row + pixel * load.channels, EK_MOST_PIXELS, WIDE, BY, form);
      }
      if (pixel < load.pixels) ek_tile(load, &block, top, pixel, row + pixel * load.channels, EK_FOUR, WIDE, BY, form);
      row += load.pixels * load.channels;
    }
    block.weights += (load.kernel_h + EK_TAPS - 1) / EK_TAPS * block.row_bytes;
  }
}

#endif
