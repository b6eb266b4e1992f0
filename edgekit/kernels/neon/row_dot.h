/*
 * Assembler macros for kernels that compute tiles (row_tiles.h) by dot products.
 *
 * sdot adds to each channel's sum (row_sums.h) the products of 4 input bytes, a unit, taken from one lane of what the
 * pixel reads, with 4 weights of that channel. Weights go to v0 to v3.
 */
#ifndef EDGEKIT_NEON_ROW_DOT_H
#define EDGEKIT_NEON_ROW_DOT_H

#define EK_TILE_PIXELS 4
#define EK_UNIT_SHIFT 2
#define EK_FACTOR_BYTES 4
#include "row_sums.h"

  .arch armv8.2-a+dotprod

/* Lane \lane of \x times a unit's weights, \a to \d, to the sums of one pixel, \s0 to \s3. */
.macro ek_dot_pixel quads, lane, x, s0, s1, s2, s3, a, b, c, d
  sdot v\s0\().4s, v\a\().16b, v\x\().4b[\lane]
  sdot v\s1\().4s, v\b\().16b, v\x\().4b[\lane]
.if \quads == 4
  sdot v\s2\().4s, v\c\().16b, v\x\().4b[\lane]
  sdot v\s3\().4s, v\d\().16b, v\x\().4b[\lane]
.endif
.endm

.macro ek_dot_unit count, quads, lane, x0, x1, x2, x3, a, b, c, d
  ek_dot_pixel \quads, \lane, \x0, 16, 17, 18, 19, \a, \b, \c, \d
.if \count > 1
  ek_dot_pixel \quads, \lane, \x1, 20, 21, 22, 23, \a, \b, \c, \d
.endif
.if \count > 2
  ek_dot_pixel \quads, \lane, \x2, 24, 25, 26, 27, \a, \b, \c, \d
.endif
.if \count > 3
  ek_dot_pixel \quads, \lane, \x3, 28, 29, 30, 31, \a, \b, \c, \d
.endif
.endm

.macro ek_dot_1 count, quads, lane, x0, x1, x2, x3
.if \quads == 4
  ld1 {v0.16b, v1.16b, v2.16b, v3.16b}, [unit_weights], #64
.else
  ld1 {v0.16b, v1.16b}, [unit_weights], #32
.endif
  ek_dot_unit \count, \quads, \lane, \x0, \x1, \x2, \x3, 0, 1, 2, 3
.endm

.macro ek_dot_2 count, quads, lane, next, x0, x1, x2, x3
.if \quads == 4
  ek_dot_1 \count, \quads, \lane, \x0, \x1, \x2, \x3
  ek_dot_1 \count, \quads, \next, \x0, \x1, \x2, \x3
.else
  ld1 {v0.16b, v1.16b, v2.16b, v3.16b}, [unit_weights], #64
  ek_dot_unit \count, \quads, \lane, \x0, \x1, \x2, \x3, 0, 1, 0, 0
  ek_dot_unit \count, \quads, \next, \x0, \x1, \x2, \x3, 2, 3, 0, 0
.endif
.endm

.macro ek_dot_4 count, quads, x0, x1, x2, x3
  ek_dot_2 \count, \quads, 0, 1, \x0, \x1, \x2, \x3
  ek_dot_2 \count, \quads, 2, 3, \x0, \x1, \x2, \x3
.endm

/* Sums to bytes, and those to the output. */
.macro ek_finish_tile count, quads, form
  ek_load_factors \quads, \form, multiplier, shift
  ek_finish_pixels \count, \quads, \form
.endm

#endif
