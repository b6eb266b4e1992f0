/*
 * A row of convolution output on 64-bit ARM with int8 matrix multiplications: int8 in, int8 out, exact.
 *
 * The walk over tiles is that of row_tiles.h. smmla multiplies 2 pixels by 2 channels, 8 bytes of each, a unit. A
 * register of sums holds 2 channels of the first pixel, then the same 2 of the second: v16 to v23 are the 16
 * channels of a tile's first two pixels, v24 to v31 those of the other two. Biases and factors are packed to match,
 * 2 channels twice. Of a third pixel without a fourth, or a single one, both halves of a pair are computed alike.
 *
 * Weights go to v0 to v3, inputs to v4 to v7 and v12 to v15, and pairs of pixels from there to v8 to v11.
 */
#ifdef __aarch64__
#define EK_TILE_PIXELS 4
#define EK_UNIT_SHIFT 3
#define EK_FACTOR_BYTES 8
#include "row_tiles.h"

  .arch armv8.2-a+dotprod+i8mm

half_block .req x25 /* back over the factors of 8 channels */

/* Two pixels' unit times those of 8 channels. */
.macro ek_mmla_pair x, s0, s1, s2, s3
  smmla v\s0\().4s, v\x\().16b, v0.16b
  smmla v\s1\().4s, v\x\().16b, v1.16b
  smmla v\s2\().4s, v\x\().16b, v2.16b
  smmla v\s3\().4s, v\x\().16b, v3.16b
.endm

/* One unit of all pixels: pairs in \x01 and \x23. */
.macro ek_mmla_unit count, quads, x01, x23
  ld1 {v0.16b, v1.16b, v2.16b, v3.16b}, [unit_weights], #64
  ek_mmla_pair \x01, 16, 17, 18, 19
.if \count > 2
  ek_mmla_pair \x23, 24, 25, 26, 27
.endif
.if \quads == 4
  ld1 {v0.16b, v1.16b, v2.16b, v3.16b}, [unit_weights], #64
  ek_mmla_pair \x01, 20, 21, 22, 23
.if \count > 2
  ek_mmla_pair \x23, 28, 29, 30, 31
.endif
.endif
.endm

/* Two units of all pixels: 16 bytes of each. */
.macro ek_mmla_2 count, quads, x0, x1, x2, x3
  zip1 v8.2d, v\x0\().2d, v\x1\().2d
  zip2 v9.2d, v\x0\().2d, v\x1\().2d
.if \count > 2
  zip1 v10.2d, v\x2\().2d, v\x3\().2d
  zip2 v11.2d, v\x2\().2d, v\x3\().2d
.endif
  ek_mmla_unit \count, \quads, 8, 10
  ek_mmla_unit \count, \quads, 9, 11
.endm

.macro ek_load_4_units count
  ldp q4, q12, [x_pixel_0], #32
  ldp q5, q13, [x_pixel_1], #32
.if \count > 2
  ldp q6, q14, [x_pixel_2], #32
  ldp q7, q15, [x_pixel_3], #32
.endif
.endm

.macro ek_load_2_units count
  ldr q4, [x_pixel_0], #16
  ldr q5, [x_pixel_1], #16
.if \count > 2
  ldr q6, [x_pixel_2], #16
  ldr q7, [x_pixel_3], #16
.endif
.endm

/* One unit of every pixel, paired already. */
.macro ek_load_1_unit count
  ldr d8, [x_pixel_0], #8
  ld1 {v8.d}[1], [x_pixel_1], #8
.if \count > 2
  ldr d10, [x_pixel_2], #8
  ld1 {v10.d}[1], [x_pixel_3], #8
.endif
.endm

.macro ek_load_biases count, quads
.if \count > 2
  ld1 {v24.4s, v25.4s, v26.4s, v27.4s}, [bias]
.endif
.if \quads == 4
  ld1 {v16.4s, v17.4s, v18.4s, v19.4s}, [bias], #64
.if \count > 2
  ld1 {v28.4s, v29.4s, v30.4s, v31.4s}, [bias]
.endif
  ld1 {v20.4s, v21.4s, v22.4s, v23.4s}, [bias], half_block
.else
  ld1 {v16.4s, v17.4s, v18.4s, v19.4s}, [bias]
.endif
.endm

/* Factors of 8 channels, then of the other 8: those of row_scale.h, and on or back to the other half. */
.macro ek_next_factors quads, form, step
  ek_load_factors 4, \form, multiplier, shift
.if \quads == 4
  add multiplier, multiplier, \step
  add shift, shift, \step
.endif
.endm

.macro ek_scale_half count, form, a, b, c, d, e, f, g, h
  ek_scale 4, \form, \a, \b, \c, \d
.if \count > 2
  ek_scale 4, \form, \e, \f, \g, \h
.endif
.endm

.macro ek_scale_tile count, quads, form
  ek_load_constants \form, EK_ZERO_POINT, EK_LOW, EK_HIGH
  ek_next_factors \quads, \form, #64
  ek_scale_half \count, \form, 16, 17, 18, 19, 24, 25, 26, 27
.if \quads == 4
  ek_next_factors \quads, \form, half_block
  ek_scale_half \count, \form, 20, 21, 22, 23, 28, 29, 30, 31
.endif
.endm

/* A pair's scaled sums to bytes of the first pixel in \b and of the second in \c. */
.macro ek_pack_pair quads, form, a, b, c, d, e, f, g, h
  ek_pack 4, \form, \a, \b, \c, \d
.if \quads == 4
  ek_pack 4, \form, \e, \f, \g, \h
  uzp1 v\b\().8h, v\a\().8h, v\e\().8h
  uzp2 v\c\().8h, v\a\().8h, v\e\().8h
.else
  uzp1 v\b\().8h, v\a\().8h, v\a\().8h
  uzp2 v\c\().8h, v\a\().8h, v\a\().8h
.endif
.endm

.macro ek_tile count, quads, form
  ek_start_tile \count
.if \count == 1
  mov x_pixel_1, x_pixel_0
.elseif \count == 3
  mov x_pixel_3, x_pixel_2
.endif
  ek_load_biases \count, \quads
.Lrun\@:
  subs units_left, units, #4
  b.lo .Ltwo\@
.Lfour\@:
  ek_load_4_units \count
  ek_mmla_2 \count, \quads, 4, 5, 6, 7
  ek_mmla_2 \count, \quads, 12, 13, 14, 15
  subs units_left, units_left, #4
  b.hs .Lfour\@
.Ltwo\@: /* units_left is negative: its lowest 2 bits are what is left */
  tbz units_left, #1, .Lone\@
  ek_load_2_units \count
  ek_mmla_2 \count, \quads, 4, 5, 6, 7
.Lone\@:
  tbz units_left, #0, .Lnext\@
  ek_load_1_unit \count
  ek_mmla_unit \count, \quads, 8, 10
.Lnext\@:
  subs segments_left, segments_left, #1
  b.eq .Lfinish\@
.if \count > 2
  ek_next_run 4
.else
  ek_next_run 2
.endif
  b .Lrun\@
.Lfinish\@:
  ek_scale_tile \count, \quads, \form
  ek_pack_pair \quads, \form, 16, 17, 18, 19, 20, 21, 22, 23
.if \count > 2
  ek_pack_pair \quads, \form, 24, 25, 26, 27, 28, 29, 30, 31
.endif
  ek_store_tile \count, \quads, 17, 18, 25, 26
.endm

.macro ek_start_row form
  mov half_block, #-64
.endm

  ek_convolution_rows mmla

#endif
  .section .note.GNU-stack, "", %progbits
