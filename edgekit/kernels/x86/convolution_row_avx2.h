/*
 * A row of convolution output on x86 with AVX2: int8 in, int8 out, exact.
 *
 * A tile is PIXELS output pixels times VECTORS vectors of 8 output channels. Each vector of sums lives in one
 * register; vpmaddwd adds the products of 2 input bytes with 2 weights, all widened to 16 bits, for each of
 * its 8 channels. (vpmaddubsw would do without the widening, but saturates.)
 *
 * A run is counted in units of 2 bytes. Weights are packed [block of 8 * VECTORS channels][segment][unit]
 * [channel][2], padded with zeros.
 */
#ifndef EDGEKIT_X86_CONVOLUTION_ROW_AVX2_H
#define EDGEKIT_X86_CONVOLUTION_ROW_AVX2_H

#include "row_avx2.h"

enum { EK_LANES = 8, EK_MOST_PIXELS = 4, EK_MOST_VECTORS = 2, EK_UNIT = 2, EK_UNITS_LOADED = 4, EK_NARROWED = 4 };

/* The products of one unit, which is the pair of bytes number PAIR of what each pixel reads. */
#define EK_AVX2_UNIT(PAIR)                                                                                   \
  do {                                                                                                       \
    __m256i weight[EK_MOST_VECTORS];                                                                         \
    EK_UNROLL                                                                                                \
    for (int v = 0; v < VECTORS; v++) {                                                                      \
      weight[v] = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i_u *)(weights + 16 * v)));              \
    }                                                                                                        \
    EK_UNROLL                                                                                                \
    for (int p = 0; p < PIXELS; p++) {                                                                       \
      const __m256i pair = _mm256_shuffle_epi32(values[p], (PAIR) * 0x55);                                   \
      EK_UNROLL                                                                                              \
      for (int v = 0; v < VECTORS; v++) {                                                                    \
        sums[p][v] = _mm256_add_epi32(sums[p][v], _mm256_madd_epi16(weight[v], pair));                       \
      }                                                                                                      \
    }                                                                                                        \
    weights += 16 * VECTORS;                                                                                 \
  } while (0)

/* The 8 bytes at `x`, widened to 16 bits, in both halves of a vector. */
EK_AVX2_INLINE __m256i ek_load_pairs(const int8_t *x) {
  int64_t eight;
  __builtin_memcpy(&eight, x, sizeof eight);
  return _mm256_cvtepi8_epi16(_mm_set1_epi64x(eight));
}

/* Store the first `count` of 8 or 16 bytes. */
EK_AVX2_INLINE void ek_store_some(int8_t *out, __m128i bytes, int32_t count, const int VECTORS) {
  if (count >= EK_LANES * VECTORS) {
    if (VECTORS == 2) _mm_storeu_si128((__m128i_u *)out, bytes);
    if (VECTORS == 1) _mm_storel_epi64((__m128i_u *)out, bytes);
    return;
  }
  int8_t whole[16];
  _mm_storeu_si128((__m128i_u *)whole, bytes);
  for (int32_t c = 0; c < count; c++) out[c] = whole[c];
}

/* Scale the sums of a tile and store them; `count` is how many of its channels exist. */
EK_AVX2_INLINE void ek_store_avx2(const ek_row row, __m256i (*sums)[EK_MOST_VECTORS], const ek_scaling *how,
                                  int8_t *out, int32_t count, const int PIXELS, const int VECTORS, const int form) {
  const int together = EK_NARROWED / VECTORS; /* pixels that fill 32 bytes */
  const __m256i low = _mm256_set1_epi8((int8_t)row.low), high = _mm256_set1_epi8((int8_t)row.high);
  EK_UNROLL
  for (int p = 0; p < PIXELS; p += together) {
    __m256i scaled[EK_NARROWED];
    EK_UNROLL
    for (int i = 0; i < EK_NARROWED; i++) {
      const int pixel = p + i / VECTORS, v = i % VECTORS;
      scaled[i] = pixel < PIXELS ? ek_scale_avx2(sums[pixel][v], &how[v], row.zero_point, form) : scaled[0];
    }
    const __m256i bytes = ek_narrow_avx2(low, high, scaled);
    const __m128i halves[2] = {_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1)};
    EK_UNROLL
    for (int i = 0; i < together && p + i < PIXELS; i++) {
      const __m128i half = halves[i * VECTORS / 2];
      const __m128i own = VECTORS == 1 && i % 2 == 1 ? _mm_unpackhi_epi64(half, half) : half;
      ek_store_some(out + (p + i) * row.channels, own, count, VECTORS);
    }
  }
}

/* One tile. PIXELS and VECTORS are constants where it is inlined. */
EK_AVX2_INLINE void ek_tile_avx2(const ek_row row, const int8_t *x, const int8_t *weights, const ek_scaling *how,
                                 int8_t *out, int32_t count, const int PIXELS, const int VECTORS, const int form) {
  __m256i sums[EK_MOST_PIXELS][EK_MOST_VECTORS];
  EK_UNROLL
  for (int v = 0; v < VECTORS; v++) {
    EK_UNROLL
    for (int p = 0; p < PIXELS; p++) sums[p][v] = how[v].bias;
  }
  for (int32_t segment = 0; segment < row.segments; segment++) {
    const int8_t *run = x + segment * row.segment_stride;
    __m256i values[EK_MOST_PIXELS];
    int32_t left = row.run;
    for (; left >= EK_UNITS_LOADED; left -= EK_UNITS_LOADED) {
      EK_UNROLL
      for (int p = 0; p < PIXELS; p++) values[p] = ek_load_pairs(run + p * row.pixel_stride);
      EK_AVX2_UNIT(0);
      EK_AVX2_UNIT(1);
      EK_AVX2_UNIT(2);
      EK_AVX2_UNIT(3);
      run += EK_UNITS_LOADED * EK_UNIT;
    }
    if (left > 0) {
      EK_UNROLL
      for (int p = 0; p < PIXELS; p++) values[p] = ek_load_pairs(run + p * row.pixel_stride);
      EK_AVX2_UNIT(0);
      if (left > 1) EK_AVX2_UNIT(1);
      if (left > 2) EK_AVX2_UNIT(2);
    }
  }
  ek_store_avx2(row, sums, how, out, count, PIXELS, VECTORS, form);
}

/* All pixels of a row, one block of channels after the other. The last tile may overlap the one before it. */
EK_AVX2_INLINE void ek_convolve_avx2(const ek_row *given, const int PIXELS, const int VECTORS, const int form) {
  const ek_row row = *given; /* a copy that no store through `out` can change: it stays in registers */
  const int32_t block = EK_LANES * VECTORS;
  for (int32_t channel = 0; channel < row.channels; channel += block) {
    const int8_t *weights = row.weights + channel * row.segments * row.run * EK_UNIT;
    ek_scaling how[EK_MOST_VECTORS];
    EK_UNROLL
    for (int v = 0; v < VECTORS; v++) {
      const int32_t first_lane = channel + EK_LANES * v;
      how[v] = ek_load_scaling(row.bias + first_lane, row.multiplier + first_lane, row.shift + first_lane,
                               row.zero_point, form);
    }
    for (int32_t pixel = 0; pixel < row.pixels; pixel += PIXELS) {
      const int32_t at = pixel + PIXELS <= row.pixels ? pixel : row.pixels - PIXELS;
      ek_tile_avx2(row, row.x + at * row.pixel_stride, weights, how, row.out + at * row.channels + channel,
                   row.channels - channel, PIXELS, VECTORS, form);
    }
  }
}

#endif
