/*
 * Sums of a tile of convolution output to bytes in memory, with AVX-512.
 */
#ifndef EDGEKIT_X86_STORE_VNNI_H
#define EDGEKIT_X86_STORE_VNNI_H

#include "row_vnni.h"

/* Scale the sums of a tile and store them; `count` is how many of its channels exist. */
EK_VNNI_INLINE void ek_store_vnni(const ek_row row, __m512i (*sums)[EK_MOST_VECTORS], const ek_scaling *how,
                                  int8_t *out, int32_t count, const int PIXELS, const int VECTORS, const int form) {
  const int together = EK_MOST_VECTORS / VECTORS; /* pixels that fill 64 bytes */
  const int32_t most = EK_LANES * VECTORS;
  const uint64_t lanes = UINT64_MAX >> (64 - (count < most ? count : most));
  const __m512i low = _mm512_set1_epi8((int8_t)row.low), high = _mm512_set1_epi8((int8_t)row.high);
  EK_UNROLL
  for (int p = 0; p < PIXELS; p += together) {
    __m512i scaled[EK_MOST_VECTORS];
    EK_UNROLL
    for (int i = 0; i < EK_MOST_VECTORS; i++) {
      const int pixel = p + i / VECTORS, v = i % VECTORS, exists = i < together * VECTORS && pixel < PIXELS;
      scaled[i] = exists ? ek_scale_vnni(sums[pixel][v], &how[v], row.zero_point, form) : scaled[0];
    }
    const __m512i bytes = ek_narrow_vnni(low, high, scaled);
    int8_t *to = out + p * row.channels;
    if (VECTORS >= 3) _mm512_mask_storeu_epi8(to, lanes, bytes);
    if (VECTORS == 2) {
      _mm256_mask_storeu_epi8(to, (__mmask32)lanes, _mm512_castsi512_si256(bytes));
      if (p + 1 < PIXELS) {
        _mm256_mask_storeu_epi8(to + row.channels, (__mmask32)lanes, _mm512_extracti64x4_epi64(bytes, 1));
      }
    }
    if (VECTORS == 1) {
      const __mmask16 some = (__mmask16)lanes;
      _mm_mask_storeu_epi8(to, some, _mm512_castsi512_si128(bytes));
      if (p + 1 < PIXELS) _mm_mask_storeu_epi8(to + row.channels, some, _mm512_extracti32x4_epi32(bytes, 1));
      if (p + 2 < PIXELS) _mm_mask_storeu_epi8(to + 2 * row.channels, some, _mm512_extracti32x4_epi32(bytes, 2));
      if (p + 3 < PIXELS) _mm_mask_storeu_epi8(to + 3 * row.channels, some, _mm512_extracti32x4_epi32(bytes, 3));
    }
  }
}

#endif
