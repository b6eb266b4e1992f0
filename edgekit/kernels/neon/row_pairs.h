/*
 * Assembler macros for kernels that compute rows of convolution output on 64-bit ARM without dot-product
 * instructions: products of pairs of input bytes, and their sums.
 *
 * A pair, repeated over a register, is multiplied by 2 weights of each of 4 channels; the products of two pairs are
 * added in eight int16 (smull, smlal: two products of int8 values fit, since weights are never -128), and these two
 * by two into four int32 (sadalp). So no sum is ever added across a register.
 *
 * v0 to v11: four pairs of input bytes of each of 3 pixels
 * v12 to v15: the weights of a vector of 8 channels for them
 * v16 to v27: sums (row_sums.h)
 * v28 to v31: products
 */
#ifndef EDGEKIT_NEON_ROW_PAIRS_H
#define EDGEKIT_NEON_ROW_PAIRS_H

#define EK_TILE_PIXELS 3
#define EK_UNIT_SHIFT 1
#define EK_FACTOR_BYTES 4
#include "row_sums.h"

/* Products of the 8 channels' weights \w with the pair \x: those of channels 0 to 3 to \low, of 4 to 7 to \high. */
.macro ek_long name, low, high, w, x
  \name v\low\().8h, v\w\().8b, v\x\().8b
  \name\()2 v\high\().8h, v\w\().16b, v\x\().16b
.endm

.macro ek_add sums, products
  sadalp v\sums\().4s, v\products\().8h
.endm

/* Two pairs of each of \count pixels, xa and xb, ya and yb, za and zb, times \a and \b, to sums of 8 channels. */
.macro ek_two_pairs count, a, b, xa, xb, ya, yb, za, zb, x0, x1, y0, y1, z0, z1
  ek_long smull, 28, 29, \a, \xa
.if \count > 1
  ek_long smull, 30, 31, \a, \ya
.endif
  ek_long smlal, 28, 29, \b, \xb
.if \count > 1
  ek_long smlal, 30, 31, \b, \yb
.endif
  ek_add \x0, 28
  ek_add \x1, 29
.if \count > 1
  ek_add \y0, 30
  ek_add \y1, 31
.endif
.if \count > 2
  ek_long smull, 28, 29, \a, \za
  ek_long smlal, 28, 29, \b, \zb
  ek_add \z0, 28
  ek_add \z1, 29
.endif
.endm

.macro ek_vector_of_four count, x0, x1, y0, y1, z0, z1
  ld1 {v12.16b, v13.16b, v14.16b, v15.16b}, [unit_weights], #64
  ek_two_pairs \count, 12, 13, 0, 1, 4, 5, 8, 9, \x0, \x1, \y0, \y1, \z0, \z1
  ek_two_pairs \count, 14, 15, 2, 3, 6, 7, 10, 11, \x0, \x1, \y0, \y1, \z0, \z1
.endm

/* \vector, which takes one vector of channels, for all of the tile. */
.macro ek_vectors vector, count, quads
  \vector \count, 16, 17, 20, 21, 24, 25
.if \quads == 4
  \vector \count, 18, 19, 22, 23, 26, 27
.endif
.endm

/* The pairs of a step of four; the next are `four_bytes` on. */
.macro ek_load_four_pairs count
  ld4r {v0.8h, v1.8h, v2.8h, v3.8h}, [x_pixel_0], four_bytes
.if \count > 1
  ld4r {v4.8h, v5.8h, v6.8h, v7.8h}, [x_pixel_1], four_bytes
.endif
.if \count > 2
  ld4r {v8.8h, v9.8h, v10.8h, v11.8h}, [x_pixel_2], four_bytes
.endif
.endm

.macro ek_step_of_four count, quads
  ek_load_four_pairs \count
  ek_vectors ek_vector_of_four, \count, \quads
.endm

/* Scale the sums of a tile and store them. */
.macro ek_finish_tile count, quads, form
  ek_load_factors \quads, \form, multiplier, shift
  ek_load_constants \form, EK_ZERO_POINT, EK_LOW, EK_HIGH
  ek_finish_pixels \count, \quads, \form
.endm

#endif
