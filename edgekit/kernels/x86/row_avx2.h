/*
 * Exact scaling, 8 sums at a time, and narrowing to bytes, 32 at a time, with AVX2.
 */
#ifndef EDGEKIT_X86_ROW_AVX2_H
#define EDGEKIT_X86_ROW_AVX2_H

#include <immintrin.h>

#include "../common/row.h"
#include "forms.h"

#define EK_AVX2_TARGET target("avx2")
#define EK_AVX2_INLINE static inline __attribute__((always_inline, EK_AVX2_TARGET))

enum { EK_ODD = 0xAA }; /* of the 8 lanes of a vector */

/* How 8 channels are scaled; products are of 4 channels each: 0, 2, 4, 6 and 1, 3, 5, 7. */
typedef struct ek_scaling {
  __m256i bias; /* where sums begin: moved by 2^31, unless the form is general */
  __m256i even_multiplier;
  __m256i odd_multiplier;
  __m256i even_addend;
  __m256i odd_addend;
  __m256i left;
  __m256i right;
} ek_scaling;

EK_AVX2_INLINE __m256i ek_load_eight(const int32_t *values) { return _mm256_loadu_si256((const __m256i_u *)values); }

EK_AVX2_INLINE ek_scaling ek_load_scaling(const int32_t *bias, const int32_t *multiplier, const int32_t *shift,
                                          int32_t zero_point, const int form) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i top = _mm256_set1_epi32(INT32_MIN);
  const __m256i shifts = ek_load_eight(shift), factor = ek_load_eight(multiplier);
  ek_scaling how;
  how.bias = ek_load_eight(bias);
  how.left = _mm256_max_epi32(shifts, zero);
  how.right = _mm256_max_epi32(_mm256_sub_epi32(zero, shifts), zero);
  if (form == EK_GENERAL) {
    how.even_multiplier = factor;
    how.odd_multiplier = _mm256_srli_epi64(factor, 32);
    how.even_addend = how.odd_addend = _mm256_set1_epi64x(INT64_C(1) << 30);
  } else {
    const __m256i one = _mm256_set1_epi32(1);
    const __m256i half = _mm256_sllv_epi32(one, _mm256_sub_epi32(how.right, one));
    __m256i addend = _mm256_add_epi32(half, _mm256_sllv_epi32(_mm256_set1_epi32(zero_point), how.right));
    addend = _mm256_sub_epi32(addend, factor);
    if (form == EK_LINEAR) addend = _mm256_sub_epi32(addend, one);
    how.bias = _mm256_xor_si256(how.bias, top);
    how.even_multiplier = _mm256_add_epi32(factor, factor);
    how.odd_multiplier = _mm256_srli_epi64(how.even_multiplier, 32);
    how.even_addend = _mm256_blend_epi32(top, _mm256_slli_epi64(addend, 32), EK_ODD);
    how.odd_addend = _mm256_blend_epi32(top, addend, EK_ODD);
  }
  return how;
}

/* TFLite's two roundings and the zero point, in the forms that ek_scale_vnni explains. */
EK_AVX2_INLINE __m256i ek_scale_avx2(__m256i sum, const ek_scaling *how, int32_t zero_point, const int form) {
  if (form == EK_GENERAL) {
    const __m256i one = _mm256_set1_epi32(1), zero = _mm256_set1_epi32(zero_point);
    sum = _mm256_sllv_epi32(sum, how->left);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(sum, how->even_multiplier), how->even_addend);
    const __m256i odd =
        _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(sum, 32), how->odd_multiplier), how->odd_addend);
    const __m256i high = _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), EK_ODD);
    const __m256i stays = _mm256_cmpeq_epi32(how->right, _mm256_setzero_si256());
    __m256i low = _mm256_add_epi32(high, _mm256_srai_epi32(high, 31));
    low = _mm256_srav_epi32(low, _mm256_sub_epi32(how->right, one)); /* one bit more than wanted: no overflow */
    low = _mm256_blendv_epi8(_mm256_srai_epi32(_mm256_add_epi32(low, one), 1), high, stays);
    low = _mm256_max_epi32(low, _mm256_set1_epi32(INT16_MIN)); /* any value beyond a byte's; the next sum fits */
    return _mm256_add_epi32(_mm256_min_epi32(low, _mm256_set1_epi32(INT16_MAX)), zero);
  }
  const __m256i even = _mm256_add_epi64(_mm256_mul_epu32(sum, how->even_multiplier), how->even_addend);
  const __m256i odd =
      _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(sum, 32), how->odd_multiplier), how->odd_addend);
  __m256i high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, EK_ODD);
  if (form == EK_LINEAR) high = _mm256_add_epi32(high, _mm256_srli_epi32(sum, 31));
  return _mm256_srav_epi32(high, how->right);
}

/* Four vectors of scaled sums to 32 bytes in the same order: saturated, clamped. */
EK_AVX2_INLINE __m256i ek_narrow_avx2(__m256i low, __m256i high, const __m256i *scaled) {
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  const __m256i first = _mm256_packs_epi32(scaled[0], scaled[1]);
  const __m256i second = _mm256_packs_epi32(scaled[2], scaled[3]);
  const __m256i bytes = _mm256_max_epi8(_mm256_min_epi8(_mm256_packs_epi16(first, second), high), low);
  return _mm256_permutevar8x32_epi32(bytes, order);
}

#endif
