/*
 * Elementwise operators on 64-bit ARM: one result from the same place of its operands, 16 at a time. The result may
 * lie where an operand does.
 */
#include "row.h"

#ifdef __aarch64__

enum { EK_BLOCK = 16, EK_TABLE_BYTES = 256, EK_TABLE_PARTS = 4 };

#define EK_BLOCK_INLINE static inline __attribute__((always_inline))

/* The first `count` of a block; what comes after them is 0. */
EK_BLOCK_INLINE int8x16_t ek_load_part(const int8_t *x, int32_t count) {
  int8_t block[EK_BLOCK] = {0};
  _Pragma("clang loop vectorize(disable) unroll(disable)")
  for (int32_t i = 0; i < count; i++) block[i] = x[i];
  return vld1q_s8(block);
}

EK_BLOCK_INLINE void ek_store_part(int8_t *out, int8x16_t values, int32_t count) {
  int8_t block[EK_BLOCK];
  vst1q_s8(block, values);
  _Pragma("clang loop vectorize(disable) unroll(disable)")
  for (int32_t i = 0; i < count; i++) out[i] = block[i];
}

/* ------------------------------------------------------------------------------------------ sums */

/* What a sum of two scaled values takes: see FastSum in edgekit/compute/fast_sum.py. */
typedef struct ek_sum {
  int32x4_t multipliers[2];
  int32x4_t offset;
  int32x4_t shift; /* < 0: right */
  int8x16_t low;
  int8x16_t high;
} ek_sum;

/* Four of 16 values, in the highest byte of four int32. */
EK_BLOCK_INLINE int32x4_t ek_top_bytes(int8x16_t values, const int quarter) {
  const uint8_t none = 0xff; /* no place: 0 */
  const uint8_t at = (uint8_t)(4 * quarter), b = (uint8_t)(at + 1), c = (uint8_t)(at + 2), d = (uint8_t)(at + 3);
  const uint8x16_t places = {none, none, none, at, none, none, none, b, none, none, none, c, none, none, none, d};
  return vreinterpretq_s32_s8(vqtbl1q_s8(values, places));
}

EK_BLOCK_INLINE int8x16_t ek_add_block(const ek_sum *sum, int8x16_t a, int8x16_t b) {
  int32x4_t scaled[4];
  EK_UNROLL
  for (int quarter = 0; quarter < 4; quarter++) {
    const int32x4_t first = vqrdmulhq_s32(ek_top_bytes(a, quarter), sum->multipliers[0]);
    const int32x4_t second = vqrdmulhq_s32(ek_top_bytes(b, quarter), sum->multipliers[1]);
    scaled[quarter] = vrshlq_s32(vaddq_s32(vaddq_s32(first, sum->offset), second), sum->shift);
  }
  const int16x8_t low = vcombine_s16(vmovn_s32(scaled[0]), vmovn_s32(scaled[1]));
  const int16x8_t high = vcombine_s16(vmovn_s32(scaled[2]), vmovn_s32(scaled[3]));
  return vmaxq_s8(vminq_s8(vqmovn_high_s16(vqmovn_s16(low), high), sum->high), sum->low);
}

void ek_add(const int8_t *a, const int8_t *b, int8_t *out, int32_t count, int32_t first_multiplier,
            int32_t second_multiplier, int32_t offset, int32_t shift, int32_t low, int32_t high);

/* out = a + b (or a - b), each with a scale and a zero point of its own. */
void ek_add(const int8_t *a, const int8_t *b, int8_t *out, int32_t count, int32_t first_multiplier,
            int32_t second_multiplier, int32_t offset, int32_t shift, int32_t low, int32_t high) {
  const ek_sum sum = {{vdupq_n_s32(first_multiplier), vdupq_n_s32(second_multiplier)},
                      vdupq_n_s32(offset),
                      vdupq_n_s32(-shift),
                      vdupq_n_s8((int8_t)low),
                      vdupq_n_s8((int8_t)high)};
  for (; count >= EK_BLOCK; count -= EK_BLOCK) {
    vst1q_s8(out, ek_add_block(&sum, vld1q_s8(a), vld1q_s8(b)));
    a += EK_BLOCK;
    b += EK_BLOCK;
    out += EK_BLOCK;
  }
  if (count > 0) ek_store_part(out, ek_add_block(&sum, ek_load_part(a, count), ek_load_part(b, count)), count);
}

/* ------------------------------------------------------------------------------- quantized reals */

/* fcvtas rounds halves away from zero, saturates, and makes 0 of a NaN. */
EK_BLOCK_INLINE int16x8_t ek_quantize_8(const float *x, float32x4_t scale) {
  const int32x4_t low = vcvtaq_s32_f32(vdivq_f32(vld1q_f32(x), scale));
  const int32x4_t high = vcvtaq_s32_f32(vdivq_f32(vld1q_f32(x + 4), scale));
  return vqmovn_high_s32(vqmovn_s32(low), high);
}

EK_BLOCK_INLINE int8x16_t ek_quantize_block(const float *x, float32x4_t scale, int16x8_t zero_point) {
  const int8x8_t low = vqmovn_s16(vqaddq_s16(ek_quantize_8(x, scale), zero_point));
  return vqmovn_high_s16(low, vqaddq_s16(ek_quantize_8(x + EK_BLOCK / 2, scale), zero_point));
}

void ek_quantize(const float *x, int8_t *out, int32_t count, float scale, int32_t zero_point);

/* out = x / scale, rounded half away from zero, + zero_point. */
void ek_quantize(const float *x, int8_t *out, int32_t count, float scale, int32_t zero_point) {
  const float32x4_t scales = vdupq_n_f32(scale);
  const int16x8_t zero_points = vdupq_n_s16((int16_t)zero_point);
  for (; count >= EK_BLOCK; count -= EK_BLOCK) {
    vst1q_s8(out, ek_quantize_block(x, scales, zero_points));
    x += EK_BLOCK;
    out += EK_BLOCK;
  }
  if (count > 0) {
    float block[EK_BLOCK] = {0};
    for (int32_t i = 0; i < count; i++) block[i] = x[i];
    ek_store_part(out, ek_quantize_block(block, scales, zero_points), count);
  }
}

/* --------------------------------------------------------------------------------------- look-ups */

/* 256 entries in 16 registers. */
typedef struct ek_table {
  uint8x16x4_t parts[EK_TABLE_PARTS];
} ek_table;

/* An index outside a part leaves what an earlier part gave. */
EK_BLOCK_INLINE int8x16_t ek_lookup_block(const ek_table *table, int8x16_t values) {
  const uint8x16_t part = vdupq_n_u8(EK_TABLE_BYTES / EK_TABLE_PARTS);
  uint8x16_t index = vreinterpretq_u8_s8(veorq_s8(values, vdupq_n_s8(-128)));
  uint8x16_t found = vqtbl4q_u8(table->parts[0], index);
  EK_UNROLL
  for (int i = 1; i < EK_TABLE_PARTS; i++) {
    index = vsubq_u8(index, part);
    found = vqtbx4q_u8(found, table->parts[i], index);
  }
  return vreinterpretq_s8_u8(found);
}

void ek_lookup(const int8_t *x, const int8_t *table, int8_t *out, int32_t count);

/* out = table[x + 128]. */
void ek_lookup(const int8_t *x, const int8_t *table, int8_t *out, int32_t count) {
  ek_table entries;
  EK_UNROLL
  for (int i = 0; i < EK_TABLE_PARTS; i++) {
    entries.parts[i] = vld1q_u8_x4((const uint8_t *)table + EK_TABLE_BYTES / EK_TABLE_PARTS * i);
  }
  for (; count >= EK_BLOCK; count -= EK_BLOCK) {
    vst1q_s8(out, ek_lookup_block(&entries, vld1q_s8(x)));
    x += EK_BLOCK;
    out += EK_BLOCK;
  }
  if (count > 0) ek_store_part(out, ek_lookup_block(&entries, ek_load_part(x, count)), count);
}

#endif
