/*
 * A row of convolution output on x86 with AVX512-VNNI: int8 in, int8 out, exact.
 *
 * A tile is PIXELS output pixels times VECTORS vectors of 16 output channels. Each vector of sums lives in one
 * register; vpdpbusd adds to each of its 16 channels the products of 4 input bytes with 4 weights.
 *
 * vpdpbusd multiplies unsigned bytes by signed ones. Weights are the unsigned ones, packed with 128 added, so that
 * inputs need no work in the inner loop; what is too much, 128 times the sum of a pixel's inputs, is found
 * once for all channels and subtracted. Sums wrap in 32 bits, as the reference's do.
 *
 * A run is counted in bytes, and read in units of 4. Weights are packed [block of 16 * VECTORS channels][segment]
 * [unit][channel][4]. The bytes after a run may be those that a tile before has just stored, so they must not
 * count anywhere: weights are padded with an unsigned 0, and the excess is that of the run's own bytes.
 */
#ifndef EDGEKIT_X86_CONVOLUTION_ROW_VNNI_H
#define EDGEKIT_X86_CONVOLUTION_ROW_VNNI_H

#include "store_vnni.h"

enum { EK_MOST_PIXELS = 12, EK_MOST_CHAINS = 4, EK_UNIT = 4, EK_STRIP = 96, EK_SUMMED = 4 };

/* Units of a run, the last one filled up. */
EK_VNNI_INLINE int32_t ek_units(const ek_row row) { return (row.run + EK_UNIT - 1) / EK_UNIT; }

/* 128 times the sum of what each of EK_SUMMED pixels reads. */
EK_VNNI_INLINE __m128i ek_excess(const ek_row row, const int8_t *const *x) {
  const __m512i factor = _mm512_set1_epi8(INT8_MIN); /* 128, unsigned */
  const int32_t run_bytes = row.run;
  const __mmask64 rest = (UINT64_C(1) << (run_bytes % 64)) - 1;
  __m512i sums[EK_SUMMED];
  EK_UNROLL
  for (int p = 0; p < EK_SUMMED; p++) sums[p] = _mm512_setzero_si512();
  for (int32_t segment = 0; segment < row.segments; segment++) {
    const int32_t start = segment * row.segment_stride;
    int32_t at = 0;
    for (; at + 64 <= run_bytes; at += 64) {
      EK_UNROLL
      for (int p = 0; p < EK_SUMMED; p++) {
        sums[p] = _mm512_dpbusd_epi32(sums[p], factor, _mm512_loadu_si512(x[p] + start + at));
      }
    }
    if (at < run_bytes) {
      EK_UNROLL
      for (int p = 0; p < EK_SUMMED; p++) {
        sums[p] = _mm512_dpbusd_epi32(sums[p], factor, _mm512_maskz_loadu_epi8(rest, x[p] + start + at));
      }
    }
  }
  __m256i halves[EK_SUMMED];
  EK_UNROLL
  for (int p = 0; p < EK_SUMMED; p++) {
    halves[p] = _mm256_add_epi32(_mm512_castsi512_si256(sums[p]), _mm512_extracti64x4_epi64(sums[p], 1));
  }
  const __m256i all =
      _mm256_hadd_epi32(_mm256_hadd_epi32(halves[0], halves[1]), _mm256_hadd_epi32(halves[2], halves[3]));
  return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

/* The products of one unit. */
EK_VNNI_INLINE void ek_add_unit(const ek_row row, __m512i (*sums)[EK_MOST_VECTORS], const int8_t *run,
                                const int8_t *weights, const int PIXELS, const int VECTORS) {
  __m512i weight[EK_MOST_VECTORS];
  EK_UNROLL
  for (int v = 0; v < VECTORS; v++) weight[v] = _mm512_loadu_si512(weights + 64 * v);
  EK_UNROLL
  for (int p = 0; p < PIXELS; p++) {
    int32_t four;
    __builtin_memcpy(&four, run + p * row.pixel_stride, sizeof four);
    const __m512i values = _mm512_set1_epi32(four);
    EK_UNROLL
    for (int v = 0; v < VECTORS; v++) sums[p][v] = _mm512_dpbusd_epi32(sums[p][v], weight[v], values);
  }
}

/*
 * One tile. PIXELS and VECTORS are constants where it is inlined. Where a tile has few sums, units go to several of
 * them in turn: the next product of a sum has to wait for the one before. A tile of many sums has the time to fetch
 * `next`, weights that a later one reads, into the second cache, 64 bytes a unit.
 */
EK_VNNI_INLINE void ek_tile_vnni(const ek_row row, const int8_t *x, const int8_t *weights, const int8_t *next,
                                 const int32_t *excess, const ek_scaling *how, int8_t *out, int32_t count,
                                 const int PIXELS, const int VECTORS, const int form) {
  const int fetches = VECTORS > 1 && PIXELS * VECTORS >= 16;
  const int chains = PIXELS * VECTORS >= 8 ? 1 : PIXELS * VECTORS >= 4 ? 2 : EK_MOST_CHAINS;
  const int32_t units = ek_units(row);
  __m512i sums[EK_MOST_CHAINS][EK_MOST_PIXELS][EK_MOST_VECTORS];
  EK_UNROLL
  for (int v = 0; v < VECTORS; v++) {
    EK_UNROLL
    for (int p = 0; p < PIXELS; p++) {
      sums[0][p][v] = _mm512_sub_epi32(how[v].bias, _mm512_set1_epi32(excess[p]));
      EK_UNROLL
      for (int chain = 1; chain < chains; chain++) sums[chain][p][v] = _mm512_setzero_si512();
    }
  }
  for (int32_t segment = 0; segment < row.segments; segment++) {
    const int8_t *run = x + segment * row.segment_stride;
    int32_t left = units;
    for (; chains > 1 && left >= chains; left -= chains) {
      EK_UNROLL
      for (int chain = 0; chain < chains; chain++) {
        ek_add_unit(row, sums[chain], run, weights, PIXELS, VECTORS);
        run += EK_UNIT;
        weights += 64 * VECTORS;
      }
    }
    for (; left > 0; left--) {
      if (fetches) {
        _mm_prefetch((const char *)next, _MM_HINT_T1);
        next += 64;
      }
      ek_add_unit(row, sums[0], run, weights, PIXELS, VECTORS);
      run += EK_UNIT;
      weights += 64 * VECTORS;
    }
  }
  EK_UNROLL
  for (int chain = 1; chain < chains; chain++) {
    EK_UNROLL
    for (int v = 0; v < VECTORS * PIXELS; v++) {
      __m512i *sum = &sums[0][v / VECTORS][v % VECTORS];
      *sum = _mm512_add_epi32(*sum, sums[chain][v / VECTORS][v % VECTORS]);
    }
  }
  ek_store_vnni(row, sums[0], how, out, count, PIXELS, VECTORS, form);
}

/*
 * All pixels of a row: strips of pixels, so that their excess fits the stack and their inputs the cache, and in
 * each one block of channels after the other. The last strip and the last tile may overlap the one before.
 */
EK_VNNI_INLINE void ek_convolve_vnni(const ek_row *given, const int PIXELS, const int VECTORS, const int form) {
  const ek_row row = *given; /* a copy that no store through `out` can change: it stays in registers */
  const int32_t block = EK_LANES * VECTORS, strip = EK_STRIP / PIXELS * PIXELS;
  for (int32_t done = 0; done < row.pixels; done += strip) {
    const int32_t end = done + strip < row.pixels ? done + strip : row.pixels;
    const int32_t first = end - done < PIXELS ? end - PIXELS : done;
    int32_t excess[EK_STRIP + EK_SUMMED];
    for (int32_t pixel = first; pixel < end; pixel += EK_SUMMED) {
      const int8_t *x[EK_SUMMED];
      EK_UNROLL
      for (int p = 0; p < EK_SUMMED; p++) {
        x[p] = row.x + (pixel + p < end ? pixel + p : end - 1) * row.pixel_stride;
      }
      _mm_storeu_si128((__m128i_u *)(excess + (pixel - first)), ek_excess(row, x));
    }
    for (int32_t channel = 0; channel < row.channels; channel += block) {
      const int32_t fetched = 64 * row.segments * ek_units(row); /* by a tile: one of the VECTORS parts of a block */
      const int8_t *weights = row.weights + channel / EK_LANES * fetched;
      const int32_t ahead = channel + block < row.channels ? VECTORS * fetched : 0; /* to the next block's weights */
      int32_t tile = 0;
      ek_scaling how[EK_MOST_VECTORS];
      EK_UNROLL
      for (int v = 0; v < VECTORS; v++) {
        const int32_t first_lane = channel + EK_LANES * v;
        how[v] = ek_load_scaling(row.bias + first_lane, row.multiplier + first_lane, row.shift + first_lane,
                                 row.zero_point, form);
      }
      for (int32_t pixel = first; pixel < end; pixel += PIXELS) {
        const int32_t at = pixel + PIXELS <= end ? pixel : end - PIXELS;
        const int8_t *next = tile < VECTORS ? weights + ahead + tile * fetched : weights;
        tile++;
        ek_tile_vnni(row, row.x + at * row.pixel_stride, weights, next, excess + (at - first), how,
                     row.out + at * row.channels + channel, row.channels - channel, PIXELS, VECTORS, form);
      }
    }
  }
}

#endif
