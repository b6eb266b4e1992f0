/*
 * Assembler macros for kernels that compute tiles (row_tiles.h) pixel by pixel: the first and the last thing that
 * happens to their sums.
 *
 * Each register of sums holds 4 channels of a pixel: v16 to v19 of the first pixel, v20 to v23 of the second, and
 * so on.
 */
#ifndef EDGEKIT_NEON_ROW_SUMS_H
#define EDGEKIT_NEON_ROW_SUMS_H

#include "row_tiles.h"

.macro ek_load_bias quads, a, b, c, d
.if \quads == 4
  ld1 {v\a\().4s, v\b\().4s, v\c\().4s, v\d\().4s}, [bias]
.else
  ld1 {v\a\().4s, v\b\().4s}, [bias]
.endif
.endm

.macro ek_load_biases count, quads
  ek_load_bias \quads, 16, 17, 18, 19
.if \count > 1
  ek_load_bias \quads, 20, 21, 22, 23
.endif
.if \count > 2
  ek_load_bias \quads, 24, 25, 26, 27
.endif
.if \count > 3
  ek_load_bias \quads, 28, 29, 30, 31
.endif
.endm

.macro ek_finish_pixel quads, form, a, b, c, d
  ek_scale \quads, \form, \a, \b, \c, \d
  ek_pack \quads, \form, \a, \b, \c, \d
.endm

/* Sums, whose factors are loaded, to bytes, and those to the output. */
.macro ek_finish_pixels count, quads, form
  ek_finish_pixel \quads, \form, 16, 17, 18, 19
.if \count > 1
  ek_finish_pixel \quads, \form, 20, 21, 22, 23
.endif
.if \count > 2
  ek_finish_pixel \quads, \form, 24, 25, 26, 27
.endif
.if \count > 3
  ek_finish_pixel \quads, \form, 28, 29, 30, 31
.endif
  ek_store_tile \count, \quads, 16, 20, 24, 28
.endm

#endif
