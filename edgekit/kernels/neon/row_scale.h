/*
 * Assembler macros for kernels that compute rows of convolution output on 64-bit ARM: from the sums of a pixel,
 * 4 channels a register, to the bytes that are stored.
 *
 * The forms of scaling are those of row.h; RELU may shift by 0 too. Without WIDE, int32 are narrowed to int16
 * without saturating: only for sums whose scaled values fit.
 *
 * Registers: v0 to v3 hold multipliers, v4 to v7 right shifts, v8 to v11 left shifts, and v12 to v15 constants.
 */
#ifndef EDGEKIT_NEON_ROW_SCALE_H
#define EDGEKIT_NEON_ROW_SCALE_H

#define EK_RELU 0
#define EK_LINEAR 1
#define EK_GENERAL 2
#define EK_KIND 3
#define EK_WIDE 4

/* The constants of a form, from operands on the stack: -128 or the zero point, and the bounds of a clamp. */
.macro ek_load_constants form, zero_point, low, high
.if (\form & EK_KIND) == EK_RELU
  movi v15.16b, #128
.else
  ldr w21, [sp, #\zero_point]
  dup v15.8h, w21
.endif
.if (\form & EK_KIND) == EK_GENERAL
  ldr w21, [sp, #\low]
  dup v14.16b, w21
  ldr w21, [sp, #\high]
  dup v13.16b, w21
.endif
.endm

/* The factors of 4 * \quads channels. */
.macro ek_load_factors quads, form, multiplier, shift
.if \quads == 4
  ld1 {v0.4s, v1.4s, v2.4s, v3.4s}, [\multiplier]
  ld1 {v4.4s, v5.4s, v6.4s, v7.4s}, [\shift]
.else
  ld1 {v0.4s, v1.4s}, [\multiplier]
  ld1 {v4.4s, v5.4s}, [\shift]
.endif
.if (\form & EK_KIND) == EK_GENERAL
  movi v12.4s, #0
  ek_part_shift v8.4s, v4.4s
  ek_part_shift v9.4s, v5.4s
.if \quads == 4
  ek_part_shift v10.4s, v6.4s
  ek_part_shift v11.4s, v7.4s
.endif
.endif
.endm

/* Shifts that are > 0 go left, the others right. */
.macro ek_part_shift left, right
  smax \left, \right, v12.4s
  smin \right, \right, v12.4s
.endm

/*
 * TFLite's two roundings of 4 sums: a doubling high multiplication, then a right shift half away from zero. srshl
 * rounds half up, so negative values are lowered by one first: not where the shift is 0, and not for RELU, where
 * it is all one how they are rounded.
 */
.macro ek_multiply form, sums, multiplier, left
.if (\form & EK_KIND) == EK_GENERAL
  sshl v\sums\().4s, v\sums\().4s, v\left\().4s
.endif
  sqrdmulh v\sums\().4s, v\sums\().4s, v\multiplier\().4s
.endm

.macro ek_lower_negative form, sums, right
.if (\form & EK_KIND) == EK_LINEAR
  ssra v\sums\().4s, v\sums\().4s, #31
.endif
.if (\form & EK_KIND) == EK_GENERAL
  and v12.16b, v\sums\().16b, v\right\().16b
  ssra v\sums\().4s, v12.4s, #31
.endif
.endm

.macro ek_shift_right sums, right
  srshl v\sums\().4s, v\sums\().4s, v\right\().4s
.endm

/* 8 scaled values in \a and \b to int16 in \a (for RELU unsigned if WIDE), the zero point added but for RELU. */
.macro ek_narrow form, a, b
.if \form == (EK_RELU | EK_WIDE)
  sqxtun v\a\().4h, v\a\().4s
  sqxtun2 v\a\().8h, v\b\().4s
.elseif \form & EK_WIDE
  sqxtn v\a\().4h, v\a\().4s
  sqxtn2 v\a\().8h, v\b\().4s
.else
  uzp1 v\a\().8h, v\a\().8h, v\b\().8h
.endif
.if (\form & EK_KIND) != EK_RELU
  sqadd v\a\().8h, v\a\().8h, v15.8h
.endif
.endm

/* 8 or 16 int16 in \a and \b to bytes in \a. */
.macro ek_narrow_again instruction, quads, a, b
  \instruction v\a\().8b, v\a\().8h
.if \quads == 4
  \instruction\()2 v\a\().16b, v\b\().8h
.endif
.endm

/* Scale the sums in \a to \d, or \a and \b for two quads, by the factors loaded. */
.macro ek_scale quads, form, a, b, c, d
  ek_multiply \form, \a, 0, 8
  ek_multiply \form, \b, 1, 9
.if \quads == 4
  ek_multiply \form, \c, 2, 10
  ek_multiply \form, \d, 3, 11
.endif
  ek_lower_negative \form, \a, 4
  ek_lower_negative \form, \b, 5
.if \quads == 4
  ek_lower_negative \form, \c, 6
  ek_lower_negative \form, \d, 7
.endif
  ek_shift_right \a, 4
  ek_shift_right \b, 5
.if \quads == 4
  ek_shift_right \c, 6
  ek_shift_right \d, 7
.endif
.endm

/* Scaled sums in \a to \d, or \a and \b for two quads, to clamped bytes in \a. */
.macro ek_pack quads, form, a, b, c, d
  ek_narrow \form, \a, \b
.if \quads == 4
  ek_narrow \form, \c, \d
.endif
.if \form == EK_RELU
  ek_narrow_again sqxtun, \quads, \a, \c
.elseif \form == (EK_RELU | EK_WIDE)
  ek_narrow_again uqxtn, \quads, \a, \c
.else
  ek_narrow_again sqxtn, \quads, \a, \c
.endif
.if (\form & EK_KIND) == EK_RELU
  eor v\a\().16b, v\a\().16b, v15.16b
.endif
.if (\form & EK_KIND) == EK_GENERAL
  smin v\a\().16b, v\a\().16b, v13.16b
  smax v\a\().16b, v\a\().16b, v14.16b
.endif
.endm

#endif
