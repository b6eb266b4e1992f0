/*
 * A row of convolution output on 64-bit ARM with dot-product instructions, for filters of few bytes: first layers.
 *
 * Tiles are computed as row_dot.h says. What a pixel reads in 3 or 5 rows of the input, at most 16 bytes in each and
 * 32 in all, is put side by side by table lookups, so that only the last unit is padded: to v4 to v7, and to v8
 * to v11 where it is more than 16 bytes. Here the length of a run counts the bytes of all rows together, and
 * weights are packed [block of channels][unit][channel][4]. 16 bytes of each row are read.
 *
 * v12 and v13 hold the places of those bytes in a table of 3 or 4 rows; v14 those of the second 16 in the fifth row.
 * There are no instances for EK_GENERAL, whose scaling needs these registers.
 */
#ifdef __aarch64__
#include "row_dot.h"

/* Offsets of the rows of the input; what row_tiles.h keeps in these registers is not needed here. */
row_1 .req x11
row_2 .req x10
row_3 .req x22
row_4 .req x25

/* What an instance takes. */
  .set EK_ROWS, 0
  .set EK_VECTORS, 0 /* of what a pixel reads */

/*
 * Byte i of what a pixel reads is byte i % n of row i / n, for n bytes a row: in the table it has number
 * i + i / n * (16 - n).
 */
.macro ek_start_row form
  ek_load_constants \form, EK_ZERO_POINT, EK_LOW, EK_HIGH
  mov w21, #EK_ROWS
  udiv w21, units, w21
  dup v1.16b, w21 /* n */
  mov v2.16b, v1.16b /* n, 2n, ...: where a row begins */
  movi v3.16b, #16
  sub v0.16b, v3.16b, v1.16b /* 16 - n */
  movz x25, #0x0100
  movk x25, #0x0302, lsl #16
  movk x25, #0x0504, lsl #32
  movk x25, #0x0706, lsl #48
  dup v4.2d, x25
  movi v5.2d, #0
  movi v6.16b, #8
  ext v5.16b, v5.16b, v6.16b, #8
  add v4.16b, v4.16b, v5.16b /* i */
  add v5.16b, v4.16b, v3.16b /* i + 16 */
  mov v12.16b, v4.16b
  mov v13.16b, v5.16b
.rept EK_ROWS - 1
  cmhs v6.16b, v4.16b, v2.16b
  cmhs v7.16b, v5.16b, v2.16b
  and v6.16b, v6.16b, v0.16b
  and v7.16b, v7.16b, v0.16b
  add v12.16b, v12.16b, v6.16b
  add v13.16b, v13.16b, v7.16b
  add v2.16b, v2.16b, v1.16b
.endr
  movi v6.16b, #64
  sub v14.16b, v13.16b, v6.16b
  add units, units, #3
  lsr units, units, #2
  ldrsw row_1, [sp, #EK_SEGMENT_STRIDE]
  lsl row_2, row_1, #1
  add row_3, row_2, row_1
  lsl row_4, row_1, #2
.endm

/* What one pixel reads, to \first and \second. */
.macro ek_take_pixel x, first, second
  ldr q0, [\x]
  ldr q1, [\x, row_1]
  ldr q2, [\x, row_2]
.if EK_ROWS == 3
  tbl v\first\().16b, {v0.16b, v1.16b, v2.16b}, v12.16b
.if EK_VECTORS == 2
  tbl v\second\().16b, {v0.16b, v1.16b, v2.16b}, v13.16b
.endif
.else
  ldr q3, [\x, row_3]
  ldr q15, [\x, row_4]
  tbl v\first\().16b, {v0.16b, v1.16b, v2.16b, v3.16b}, v12.16b
  tbl v\second\().16b, {v0.16b, v1.16b, v2.16b, v3.16b}, v13.16b
  tbx v\second\().16b, {v15.16b}, v14.16b
.endif
.endm

/* The units in the last vector of every pixel: 1 to 4. */
.macro ek_last_units count, quads, x0, x1, x2, x3
  tst units, #3
  b.eq .Lfour\@
  tbz units, #1, .Lone\@
  ek_dot_2 \count, \quads, 0, 1, \x0, \x1, \x2, \x3
  tbz units, #0, .Ldone\@
  ek_dot_1 \count, \quads, 2, \x0, \x1, \x2, \x3
  b .Ldone\@
.Lone\@:
  ek_dot_1 \count, \quads, 0, \x0, \x1, \x2, \x3
  b .Ldone\@
.Lfour\@:
  ek_dot_4 \count, \quads, \x0, \x1, \x2, \x3
.Ldone\@:
.endm

.macro ek_tile count, quads, form
  mov unit_weights, weights
  ek_start_pixels \count
  ek_load_biases \count, \quads
  ek_take_pixel x_pixel_0, 4, 8
.if \count > 1
  ek_take_pixel x_pixel_1, 5, 9
.endif
.if \count > 2
  ek_take_pixel x_pixel_2, 6, 10
.endif
.if \count > 3
  ek_take_pixel x_pixel_3, 7, 11
.endif
.if EK_VECTORS == 2
  ek_dot_4 \count, \quads, 4, 5, 6, 7
  ek_last_units \count, \quads, 8, 9, 10, 11
.else
  ek_last_units \count, \quads, 4, 5, 6, 7
.endif
.if EK_ROWS == 5 /* the fifth row took the place of a constant */
  ek_load_constants \form, EK_ZERO_POINT, EK_LOW, EK_HIGH
.endif
  ek_finish_tile \count, \quads, \form
.endm

.macro ek_table_rows kernel, rows, vectors
  .set EK_ROWS, \rows
  .set EK_VECTORS, \vectors
  ek_convolution_row ek_convolution_row_\kernel\()_relu, EK_RELU
  ek_convolution_row ek_convolution_row_\kernel\()_linear, EK_LINEAR
  ek_convolution_row ek_convolution_row_\kernel\()_relu_wide, (EK_RELU | EK_WIDE)
  ek_convolution_row ek_convolution_row_\kernel\()_linear_wide, (EK_LINEAR | EK_WIDE)
.endm

  ek_table_rows dot_table_3x1, 3, 1
  ek_table_rows dot_table_3x2, 3, 2
  ek_table_rows dot_table_5x2, 5, 2

#endif
  .section .note.GNU-stack, "", %progbits
