/*
 * Exact scaling, 16 sums at a time, and narrowing to bytes, 64 at a time, with AVX-512.
 */
#ifndef EDGEKIT_X86_ROW_VNNI_H
#define EDGEKIT_X86_ROW_VNNI_H

#include <immintrin.h>

#include "../common/row.h"
#include "forms.h"

#define EK_VNNI_TARGET target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#define EK_VNNI_INLINE static inline __attribute__((always_inline, EK_VNNI_TARGET))

enum { EK_LANES = 16, EK_MOST_VECTORS = 4, EK_ODD = 0xAAAA, EK_EVEN = 0x5555, EK_SWAP = 0xB1 };

/* How 16 channels are scaled; products are of 8 channels each: 0, 2, 4, … and 1, 3, 5, … */
typedef struct ek_scaling {
  __m512i bias; /* where sums begin: moved by 2^31, unless the form is general */
  __m512i even_multiplier;
  __m512i odd_multiplier;
  __m512i even_addend;
  __m512i odd_addend;
  __m512i left;
  __m512i right;
} ek_scaling;

EK_VNNI_INLINE ek_scaling ek_load_scaling(const int32_t *bias, const int32_t *multiplier, const int32_t *shift,
                                          int32_t zero_point, const int form) {
  const __m512i zero = _mm512_setzero_si512();
  const __m512i top = _mm512_set1_epi32(INT32_MIN);
  const __m512i shifts = _mm512_loadu_si512(shift), factor = _mm512_loadu_si512(multiplier);
  ek_scaling how;
  how.bias = _mm512_loadu_si512(bias);
  how.left = _mm512_max_epi32(shifts, zero);
  how.right = _mm512_max_epi32(_mm512_sub_epi32(zero, shifts), zero);
  if (form == EK_GENERAL) {
    how.even_multiplier = factor;
    how.odd_multiplier = _mm512_srli_epi64(factor, 32);
    how.even_addend = how.odd_addend = _mm512_set1_epi64(INT64_C(1) << 30);
  } else {
    const __m512i one = _mm512_set1_epi32(1);
    const __m512i half = _mm512_sllv_epi32(one, _mm512_sub_epi32(how.right, one));
    __m512i addend = _mm512_add_epi32(half, _mm512_sllv_epi32(_mm512_set1_epi32(zero_point), how.right));
    addend = _mm512_sub_epi32(addend, factor);
    if (form == EK_LINEAR) addend = _mm512_sub_epi32(addend, one);
    how.bias = _mm512_xor_si512(how.bias, top);
    how.even_multiplier = _mm512_add_epi32(factor, factor);
    how.odd_multiplier = _mm512_srli_epi64(how.even_multiplier, 32);
    how.even_addend = _mm512_mask_blend_epi32(EK_ODD, top, _mm512_slli_epi64(addend, 32));
    how.odd_addend = _mm512_mask_blend_epi32(EK_ODD, top, addend);
  }
  return how;
}

/*
 * TFLite's two roundings: a doubling high multiplication, then a right shift half away from zero; then the
 * zero point is added.
 *
 * Sums are 2^31 too high, unless the form is general, so that they are never negative and the whole product of one
 * and twice its multiplier fits 64 unsigned bits. One addend takes the excess off again, and adds what both roundings
 * and the zero point take: the upper half of the sum has only to be shifted. A negative sum wants the half
 * of the right shift less one (if its product is 0, that does no harm). So one less is in the addend and the
 * uppermost bit of the sum, which is set unless that is negative, is added; not where all below the zero point is
 * clamped to it anyway.
 */
EK_VNNI_INLINE __m512i ek_scale_vnni(__m512i sum, const ek_scaling *how, int32_t zero_point, const int form) {
  if (form == EK_GENERAL) {
    const __m512i one = _mm512_set1_epi32(1), zero = _mm512_set1_epi32(zero_point);
    sum = _mm512_sllv_epi32(sum, how->left);
    const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(sum, how->even_multiplier), how->even_addend);
    const __m512i odd =
        _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(sum, 32), how->odd_multiplier), how->odd_addend);
    const __m512i high = _mm512_mask_blend_epi32(EK_ODD, _mm512_srli_epi64(even, 31), _mm512_slli_epi64(odd, 1));
    const __mmask16 shifts = _mm512_test_epi32_mask(how->right, how->right);
    __m512i low = _mm512_add_epi32(high, _mm512_srai_epi32(high, 31));
    low = _mm512_srav_epi32(low, _mm512_sub_epi32(how->right, one)); /* one bit more than wanted: no overflow */
    low = _mm512_mask_srai_epi32(high, shifts, _mm512_add_epi32(low, one), 1);
    low = _mm512_max_epi32(low, _mm512_set1_epi32(INT16_MIN)); /* any value beyond a byte's; the next sum fits */
    return _mm512_add_epi32(_mm512_min_epi32(low, _mm512_set1_epi32(INT16_MAX)), zero);
  }
  const __m512i even = _mm512_add_epi64(_mm512_mul_epu32(sum, how->even_multiplier), how->even_addend);
  const __m512i odd =
      _mm512_add_epi64(_mm512_mul_epu32(_mm512_srli_epi64(sum, 32), how->odd_multiplier), how->odd_addend);
  __m512i high = _mm512_mask_shuffle_epi32(odd, EK_EVEN, even, (_MM_PERM_ENUM)EK_SWAP);
  if (form == EK_LINEAR) high = _mm512_add_epi32(high, _mm512_srli_epi32(sum, 31));
  return _mm512_srav_epi32(high, how->right);
}

/* Four vectors of scaled sums to 64 bytes in the same order: saturated, clamped. */
EK_VNNI_INLINE __m512i ek_narrow_vnni(__m512i low, __m512i high, const __m512i *scaled) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i first = _mm512_packs_epi32(scaled[0], scaled[1]);
  const __m512i second = _mm512_packs_epi32(scaled[2], scaled[3]);
  const __m512i bytes = _mm512_max_epi8(_mm512_min_epi8(_mm512_packs_epi16(first, second), high), low);
  return _mm512_permutexvar_epi32(order, bytes);
}

#endif
