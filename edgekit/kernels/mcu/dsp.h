/*
 * The DSP instructions of ARMv7E-M and ARMv8-M that kernels use, as functions.
 *
 * A word holds two halves (int16), or four bytes; "bottom" is the half of lower significance. Where the core has no
 * such instruction the same is computed in portable C, exactly: all kernels run on any machine, only slower.
 */
#ifndef EK_DSP_H
#define EK_DSP_H

#include <stdint.h>

#define EK_INLINE static inline __attribute__((always_inline))
#define EK_NOINLINE __attribute__((noinline))

#if defined(__ARM_FEATURE_DSP) && defined(__thumb__)
#define EK_HAS_DSP 1
#else
#define EK_HAS_DSP 0
#endif

/* Four bytes from any address, which little-endian cores with DSP instructions load in one. */
EK_INLINE uint32_t ek_load_word(const void *from) {
  uint32_t word;
  __builtin_memcpy(&word, from, sizeof word);
  return word;
}

EK_INLINE void ek_store_word(void *to, uint32_t word) { __builtin_memcpy(to, &word, sizeof word); }

/* The halves of a word, with their signs. */
EK_INLINE int32_t ek_bottom(uint32_t word) { return (int16_t)(word & 0xffffu); }
EK_INLINE int32_t ek_top(uint32_t word) { return (int16_t)(word >> 16); }

/* A sum that wraps, as every accumulator does. */
EK_INLINE int32_t ek_add_wrapping(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }
EK_INLINE int32_t ek_subtract_wrapping(int32_t a, int32_t b) { return (int32_t)((uint32_t)a - (uint32_t)b); }
EK_INLINE int32_t ek_double_wrapping(int32_t a) { return (int32_t)((uint32_t)a << 1); }

#if EK_HAS_DSP
#define EK_DSP2(name, type, instruction)                                                                     \
  EK_INLINE type name(uint32_t a, uint32_t b) {                                                              \
    type result;                                                                                             \
    __asm__(instruction : "=r"(result) : "r"(a), "r"(b));                                                    \
    return result;                                                                                           \
  }
#define EK_DSP3(name, type, instruction)                                                                     \
  EK_INLINE int32_t name(type a, type b, int32_t sum) {                                                      \
    int32_t result;                                                                                          \
    __asm__(instruction " %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));                        \
    return result;                                                                                           \
  }
#define EK_DSP1(name, argument, type, instruction)                                                           \
  EK_INLINE type name(argument a) {                                                                          \
    type result;                                                                                             \
    __asm__(instruction : "=r"(result) : "r"(a));                                                            \
    return result;                                                                                           \
  }
EK_DSP1(ek_sxtb16, uint32_t, uint32_t, "sxtb16 %0, %1")
EK_DSP1(ek_sxtb16_ror8, uint32_t, uint32_t, "sxtb16 %0, %1, ror #8")
EK_DSP1(ek_ssat8, int32_t, int32_t, "ssat %0, #8, %1")
EK_DSP2(ek_pkhbt, uint32_t, "pkhbt %0, %1, %2, lsl #16")
EK_DSP2(ek_pkhtb, uint32_t, "pkhtb %0, %1, %2, asr #16")
EK_DSP2(ek_sadd16, uint32_t, "sadd16 %0, %1, %2")
EK_DSP2(ek_sxtab16, uint32_t, "sxtab16 %0, %1, %2")
EK_DSP2(ek_sxtab16_ror8, uint32_t, "sxtab16 %0, %1, %2, ror #8")
EK_DSP3(ek_smlad, uint32_t, "smlad")
EK_DSP3(ek_smlabb, uint32_t, "smlabb")
EK_DSP3(ek_smlabt, uint32_t, "smlabt")
EK_DSP3(ek_smlatb, uint32_t, "smlatb")
EK_DSP3(ek_smlatt, uint32_t, "smlatt")
EK_DSP3(ek_smmlar, int32_t, "smmlar")
#undef EK_DSP1
#undef EK_DSP2
#undef EK_DSP3
#else
/* Bytes 0 and 2 of a word as halves, with their signs. */
EK_INLINE uint32_t ek_sxtb16(uint32_t a) {
  const int32_t bottom = (int8_t)(a & 0xffu), top = (int8_t)((a >> 16) & 0xffu);
  return ((uint32_t)bottom & 0xffffu) | ((uint32_t)top << 16);
}

/* Bytes 1 and 3. */
EK_INLINE uint32_t ek_sxtb16_ror8(uint32_t a) { return ek_sxtb16(a >> 8); }

/* Clamped to -128 .. 127. */
EK_INLINE int32_t ek_ssat8(int32_t a) { return a < -128 ? -128 : a > 127 ? 127 : a; }

/* The bottom halves of two words: that of `a` at the bottom. */
EK_INLINE uint32_t ek_pkhbt(uint32_t a, uint32_t b) { return (a & 0xffffu) | (b << 16); }

/* The top halves of two words: that of `a` at the top. */
EK_INLINE uint32_t ek_pkhtb(uint32_t a, uint32_t b) { return (a & 0xffff0000u) | (b >> 16); }

/* Two sums of halves, wrapping. */
EK_INLINE uint32_t ek_sadd16(uint32_t a, uint32_t b) {
  return ((a + b) & 0xffffu) | ((a & 0xffff0000u) + (b & 0xffff0000u));
}

/* Halves, and bytes 0 and 2 of a word, or 1 and 3, added to them. */
EK_INLINE uint32_t ek_sxtab16(uint32_t a, uint32_t b) { return ek_sadd16(a, ek_sxtb16(b)); }
EK_INLINE uint32_t ek_sxtab16_ror8(uint32_t a, uint32_t b) { return ek_sadd16(a, ek_sxtb16_ror8(b)); }

/* A sum and one or two products of halves, wrapping. */
EK_INLINE int32_t ek_smlabb(uint32_t a, uint32_t b, int32_t sum) {
  return ek_add_wrapping(sum, ek_bottom(a) * ek_bottom(b));
}
EK_INLINE int32_t ek_smlabt(uint32_t a, uint32_t b, int32_t sum) {
  return ek_add_wrapping(sum, ek_bottom(a) * ek_top(b));
}
EK_INLINE int32_t ek_smlatb(uint32_t a, uint32_t b, int32_t sum) {
  return ek_add_wrapping(sum, ek_top(a) * ek_bottom(b));
}
EK_INLINE int32_t ek_smlatt(uint32_t a, uint32_t b, int32_t sum) {
  return ek_add_wrapping(sum, ek_top(a) * ek_top(b));
}
EK_INLINE int32_t ek_smlad(uint32_t a, uint32_t b, int32_t sum) {
  return ek_smlatt(a, b, ek_smlabb(a, b, sum));
}

/* The upper half of a 64-bit product plus `sum`, rounded half up: (a * b + (sum << 32) + 2^31) >> 32. */
EK_INLINE int32_t ek_smmlar(int32_t a, int32_t b, int32_t sum) {
  return ek_add_wrapping((int32_t)(((int64_t)a * b + INT64_C(0x80000000)) >> 32), sum);
}
#endif

/* The larger of each two signed bytes, and the smaller. */
EK_INLINE uint32_t ek_smax8(uint32_t a, uint32_t b) {
#if EK_HAS_DSP
  uint32_t result;
  __asm__("ssub8 %0, %1, %2\n sel %0, %1, %2" : "=&r"(result) : "r"(a), "r"(b));
  return result;
#else
  uint32_t result = 0;
  for (int32_t shift = 0; shift < 32; shift += 8) {
    const int8_t x = (int8_t)((a >> shift) & 0xffu), y = (int8_t)((b >> shift) & 0xffu);
    result |= (uint32_t)(uint8_t)(x > y ? x : y) << shift;
  }
  return result;
#endif
}

/* Complements have the opposite order. */
EK_INLINE uint32_t ek_smin8(uint32_t a, uint32_t b) { return ~ek_smax8(~a, ~b); }

/* A float times 256, cut off, within 20 bits; 0 for NaN. */
EK_INLINE int32_t ek_float_to_q8(float value) {
#if EK_HAS_DSP && defined(__ARM_FP)
  int32_t fixed;
  __asm__("vcvt.s32.f32 %0, %0, #8\n vmov %1, %0\n ssat %1, #20, %1" : "+t"(value), "=r"(fixed));
  return fixed;
#else
  const float limit = 524287.0f, scaled = value * 256.0f;
  return scaled >= limit ? 524287 : scaled <= -limit ? -524287 : scaled == scaled ? (int32_t)scaled : 0;
#endif
}

#endif
