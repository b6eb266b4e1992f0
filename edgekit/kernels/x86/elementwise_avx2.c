/*
 * Sums of two int8 tensors of one shape with AVX2, 32 elements at a time. The result may lie where an operand does.
 */
#include "row_avx2.h"

enum { EK_BLOCK = 32, EK_LOWER_BITS = 15 };

/* What a sum of two scaled values takes: see PairSum in edgekit/compute/fast_sum.py. */
typedef struct ek_sum {
  __m256i lower; /* pairs of 16 bits: what the operands are multiplied by */
  __m256i upper;
  __m256i offset;
  __m256i zero_point;
  __m256i low;
  __m256i high;
  __m128i shift;
} ek_sum;

EK_AVX2_INLINE __m256i ek_pairs(int32_t first, int32_t second) {
  return _mm256_set1_epi32((int32_t)(((uint32_t)second << 16) | ((uint32_t)first & 0xffff)));
}

/* 8 sums of pairs, without the zero point. */
EK_AVX2_INLINE __m256i ek_sum_pairs(const ek_sum *sum, __m256i pairs) {
  const __m256i lower = _mm256_add_epi32(_mm256_madd_epi16(pairs, sum->lower), sum->offset);
  const __m256i upper = _mm256_madd_epi16(pairs, sum->upper);
  return _mm256_sra_epi32(_mm256_add_epi32(_mm256_srai_epi32(lower, EK_LOWER_BITS), upper), sum->shift);
}

/* 16 sums, in the order of the operands: what is unpacked by lanes is packed by lanes. */
EK_AVX2_INLINE __m256i ek_sum_half(const ek_sum *sum, __m128i a, __m128i b) {
  const __m256i first = _mm256_cvtepi8_epi16(a), second = _mm256_cvtepi8_epi16(b);
  const __m256i low = ek_sum_pairs(sum, _mm256_unpacklo_epi16(first, second));
  const __m256i high = ek_sum_pairs(sum, _mm256_unpackhi_epi16(first, second));
  return _mm256_adds_epi16(_mm256_packs_epi32(low, high), sum->zero_point);
}

EK_AVX2_INLINE __m256i ek_sum_block(const ek_sum *sum, __m256i a, __m256i b) {
  const __m256i first = ek_sum_half(sum, _mm256_castsi256_si128(a), _mm256_castsi256_si128(b));
  const __m256i second = ek_sum_half(sum, _mm256_extracti128_si256(a, 1), _mm256_extracti128_si256(b, 1));
  const __m256i bytes = _mm256_permute4x64_epi64(_mm256_packs_epi16(first, second), 0xD8);
  return _mm256_max_epi8(_mm256_min_epi8(bytes, sum->high), sum->low);
}

EK_AVX2_INLINE __m256i ek_load_block(const int8_t *x) { return _mm256_loadu_si256((const __m256i_u *)x); }

void ek_add_avx2(const int8_t *a, const int8_t *b, int8_t *out, int32_t count, int32_t first_lower,
                 int32_t second_lower, int32_t first_upper, int32_t second_upper, int32_t offset, int32_t shift,
                 int32_t zero_point, int32_t low, int32_t high);

/* out = a + b (or a - b), each with a scale and a zero point of its own. */
__attribute__((EK_AVX2_TARGET)) void ek_add_avx2(const int8_t *a, const int8_t *b, int8_t *out, int32_t count,
                                                 int32_t first_lower, int32_t second_lower, int32_t first_upper,
                                                 int32_t second_upper, int32_t offset, int32_t shift,
                                                 int32_t zero_point, int32_t low, int32_t high) {
  const ek_sum sum = {ek_pairs(first_lower, second_lower),
                      ek_pairs(first_upper, second_upper),
                      _mm256_set1_epi32(offset),
                      _mm256_set1_epi16((int16_t)zero_point),
                      _mm256_set1_epi8((int8_t)low),
                      _mm256_set1_epi8((int8_t)high),
                      _mm_cvtsi32_si128(shift)};
  int32_t at = 0;
  for (; at + EK_BLOCK <= count; at += EK_BLOCK) {
    _mm256_storeu_si256((__m256i_u *)(out + at), ek_sum_block(&sum, ek_load_block(a + at), ek_load_block(b + at)));
  }
  if (at < count) {
    int8_t first[EK_BLOCK] = {0}, second[EK_BLOCK] = {0};
    for (int32_t i = at; i < count; i++) {
      first[i - at] = a[i];
      second[i - at] = b[i];
    }
    _mm256_storeu_si256((__m256i_u *)first, ek_sum_block(&sum, ek_load_block(first), ek_load_block(second)));
    for (int32_t i = at; i < count; i++) out[i] = first[i - at];
  }
}
