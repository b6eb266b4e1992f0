/*
 * Sums of two int8 tensors of one shape with AVX512-VNNI, 64 elements at a time. The result may lie where an operand
 * does.
 */
#include "row_vnni.h"

enum { EK_BLOCK = 64, EK_HALF = 32, EK_LOWER_BITS = 15 };

/* What a sum of two scaled values takes: see PairSum in edgekit/compute/fast_sum.py. */
typedef struct ek_sum {
  __m512i lower; /* pairs of 16 bits: what the operands are multiplied by */
  __m512i upper;
  __m512i offset;
  __m512i shift;
  __m512i zero_point;
  __m512i low;
  __m512i high;
} ek_sum;

EK_VNNI_INLINE __m512i ek_pairs(int32_t first, int32_t second) {
  return _mm512_set1_epi32((int32_t)(((uint32_t)second << 16) | ((uint32_t)first & 0xffff)));
}

/* 16 sums of pairs, without the zero point. */
EK_VNNI_INLINE __m512i ek_sum_pairs(const ek_sum *sum, __m512i pairs) {
  const __m512i lower = _mm512_srai_epi32(_mm512_dpwssd_epi32(sum->offset, pairs, sum->lower), EK_LOWER_BITS);
  return _mm512_srav_epi32(_mm512_dpwssd_epi32(lower, pairs, sum->upper), sum->shift);
}

/* 32 sums, in the order of the operands: what is unpacked by lanes is packed by lanes. */
EK_VNNI_INLINE __m512i ek_sum_half(const ek_sum *sum, __m256i a, __m256i b) {
  const __m512i first = _mm512_cvtepi8_epi16(a), second = _mm512_cvtepi8_epi16(b);
  const __m512i low = ek_sum_pairs(sum, _mm512_unpacklo_epi16(first, second));
  const __m512i high = ek_sum_pairs(sum, _mm512_unpackhi_epi16(first, second));
  return _mm512_adds_epi16(_mm512_packs_epi32(low, high), sum->zero_point);
}

EK_VNNI_INLINE __m512i ek_sum_block(const ek_sum *sum, __m512i a, __m512i b) {
  const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
  const __m512i first = ek_sum_half(sum, _mm512_castsi512_si256(a), _mm512_castsi512_si256(b));
  const __m512i second = ek_sum_half(sum, _mm512_extracti64x4_epi64(a, 1), _mm512_extracti64x4_epi64(b, 1));
  const __m512i bytes = _mm512_permutexvar_epi64(order, _mm512_packs_epi16(first, second));
  return _mm512_max_epi8(_mm512_min_epi8(bytes, sum->high), sum->low);
}

void ek_add_vnni(const int8_t *a, const int8_t *b, int8_t *out, int32_t count, int32_t first_lower,
                 int32_t second_lower, int32_t first_upper, int32_t second_upper, int32_t offset, int32_t shift,
                 int32_t zero_point, int32_t low, int32_t high);

/* out = a + b (or a - b), each with a scale and a zero point of its own. */
__attribute__((EK_VNNI_TARGET)) void ek_add_vnni(const int8_t *a, const int8_t *b, int8_t *out, int32_t count,
                                                 int32_t first_lower, int32_t second_lower, int32_t first_upper,
                                                 int32_t second_upper, int32_t offset, int32_t shift,
                                                 int32_t zero_point, int32_t low, int32_t high) {
  const ek_sum sum = {ek_pairs(first_lower, second_lower), ek_pairs(first_upper, second_upper),
                      _mm512_set1_epi32(offset),           _mm512_set1_epi32(shift),
                      _mm512_set1_epi16((int16_t)zero_point), _mm512_set1_epi8((int8_t)low),
                      _mm512_set1_epi8((int8_t)high)};
  int32_t at = 0;
  for (; at + EK_BLOCK <= count; at += EK_BLOCK) {
    const __m512i first = _mm512_loadu_si512(a + at), second = _mm512_loadu_si512(b + at);
    _mm512_storeu_si512(out + at, ek_sum_block(&sum, first, second));
  }
  if (at < count) {
    const __mmask64 rest = (UINT64_C(1) << (count - at)) - 1;
    const __m512i first = _mm512_maskz_loadu_epi8(rest, a + at), second = _mm512_maskz_loadu_epi8(rest, b + at);
    _mm512_mask_storeu_epi8(out + at, rest, ek_sum_block(&sum, first, second));
  }
}
