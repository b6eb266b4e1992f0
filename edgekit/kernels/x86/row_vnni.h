/*
 * Exact scaling, 16 sums at a time, and narrowing to bytes, 64 at a time, with AVX-512.
 */
#ifndef EDGEKIT_X86_ROW_VNNI_H
#define EDGEKIT_X86_ROW_VNNI_H

#include <immintrin.h>

#include "../common/row.h"

#define EK_VNNI_TARGET target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#define EK_VNNI_INLINE static inline __attribute__((always_inline, EK_VNNI_TARGET))

enum { EK_LANES = 16, EK_MOST_VECTORS = 4 };

/* How 16 channels are scaled; products are of 8 channels each: 0, 2, 4, … and 1, 3, 5, … */
typedef struct ek_scaling {
  __m512i even_multiplier;
  __m512i odd_multiplier;
  __m512i even_rounding;
  __m512i odd_rounding;
  __m512i left;
  __m512i right;
} ek_scaling;

EK_VNNI_INLINE ek_scaling ek_load_scaling(const int32_t *multiplier, const int32_t *shift, const int general) {
  const __m512i zero = _mm512_setzero_si512(), one = _mm512_set1_epi32(1);
  const __m512i shifts = _mm512_loadu_si512(shift);
  ek_scaling how;
  how.even_multiplier = _mm512_loadu_si512(multiplier);
  how.odd_multiplier = _mm512_srli_epi64(how.even_multiplier, 32);
  how.left = _mm512_max_epi32(shifts, zero);
  how.right = _mm512_max_epi32(_mm512_sub_epi32(zero, shifts), zero);
  if (general) {
    how.even_rounding = how.odd_rounding = _mm512_set1_epi64(INT64_C(1) << 30);
  } else {
    /* 2^31, for the multiplication of twice the sum, and above it the half of the right shift. */
    const __m512i half = _mm512_sllv_epi32(one, _mm512_sub_epi32(how.right, one));
    const __m512i product_half = _mm512_set1_epi32(INT32_MIN);
    how.even_rounding = _mm512_mask_blend_epi32(0xAAAA, product_half, _mm512_slli_epi64(half, 32));
    how.odd_rounding = _mm512_mask_blend_epi32(0xAAAA, product_half, half);
  }
  return how;
}

/*
 * TFLite's two roundings: a doubling high multiplication, then a right shift half away from zero.
 *
 * The common form is for sums below 2^30 and right shifts of 1 or more. Its sums are doubled, so that the
 * upper half of the product is the result of the multiplication; the half of the right shift is added to it
 * in the same addition. A negative sum gives a negative product, or 0, for which the half less one does
 * no harm. `general` is for all sums and shifts.
 */
EK_VNNI_INLINE __m512i ek_scale_vnni(__m512i sum, const ek_scaling how, const int general) {
  if (general) {
    const __m512i one = _mm512_set1_epi32(1);
    sum = _mm512_sllv_epi32(sum, how.left);
    const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(sum, how.even_multiplier), how.even_rounding);
    const __m512i odd =
        _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(sum, 32), how.odd_multiplier), how.odd_rounding);
    const __m512i high =
        _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 31), _mm512_slli_epi64(odd, 1));
    const __mmask16 shifts = _mm512_test_epi32_mask(how.right, how.right);
    __m512i low = _mm512_add_epi32(high, _mm512_srai_epi32(high, 31));
    low = _mm512_srav_epi32(low, _mm512_sub_epi32(how.right, one)); /* one bit more than wanted: no overflow */
    return _mm512_mask_srai_epi32(high, shifts, _mm512_add_epi32(low, one), 1);
  }
  const __m512i twice = _mm512_add_epi32(sum, sum);
  const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(twice, how.even_multiplier), how.even_rounding);
  const __m512i odd =
      _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(twice, 32), how.odd_multiplier), how.odd_rounding);
  const __m512i high = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd);
  return _mm512_srav_epi32(_mm512_add_epi32(high, _mm512_srai_epi32(sum, 31)), how.right);
}

/* Four vectors of scaled sums to 64 bytes in the same order: zero point added, saturated, clamped. */
EK_VNNI_INLINE __m512i ek_narrow_vnni(const ek_row *row, const __m512i *scaled) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i zero_point = _mm512_set1_epi16((int16_t)row->zero_point);
  const __m512i first = _mm512_adds_epi16(_mm512_packs_epi32(scaled[0], scaled[1]), zero_point);
  const __m512i second = _mm512_adds_epi16(_mm512_packs_epi32(scaled[2], scaled[3]), zero_point);
  __m512i bytes = _mm512_packs_epi16(first, second);
  bytes = _mm512_min_epi8(bytes, _mm512_set1_epi8((int8_t)row->high));
  bytes = _mm512_max_epi8(bytes, _mm512_set1_epi8((int8_t)row->low));
  return _mm512_permutexvar_epi32(order, bytes);
}

#endif
