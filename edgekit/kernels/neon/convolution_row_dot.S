/*
 * A row of convolution output on 64-bit ARM with dot-product instructions: int8 in, int8 out, exact.
 *
 * In assembly since compilers leave a quarter of the instructions on the table: they move sums and addresses
 * about, and load the factors of the scaling for every pixel.
 *
 * Tiles are computed as row_dot.h says. Inputs go to v4 to v7, and to v8 to v11 where 8 units are taken at once.
 */
#ifdef __aarch64__
#include "row_dot.h"

/* \size bytes (of registers named \kind) of what each pixel reads, to v4 to v7. */
.macro ek_load_x count, kind, size
  ldr \kind\()4, [x_pixel_0], #\size
.if \count > 1
  ldr \kind\()5, [x_pixel_1], #\size
.endif
.if \count > 2
  ldr \kind\()6, [x_pixel_2], #\size
.endif
.if \count > 3
  ldr \kind\()7, [x_pixel_3], #\size
.endif
.endm

/* 32 bytes of what each pixel reads, to v4 to v7 and v8 to v11. */
.macro ek_load_x_twice count
  ldp q4, q8, [x_pixel_0], #32
.if \count > 1
  ldp q5, q9, [x_pixel_1], #32
.endif
.if \count > 2
  ldp q6, q10, [x_pixel_2], #32
.endif
.if \count > 3
  ldp q7, q11, [x_pixel_3], #32
.endif
.endm

.macro ek_start_row form
  ek_load_constants \form, EK_ZERO_POINT, EK_LOW, EK_HIGH
.endm

.macro ek_tile count, quads, form
  ek_start_tile \count
  ek_load_biases \count, \quads
.Lrun\@:
  subs units_left, units, #8
  b.lo .Lfour\@
.Leight\@:
  ek_load_x_twice \count
  ek_dot_4 \count, \quads, 4, 5, 6, 7
  ek_dot_4 \count, \quads, 8, 9, 10, 11
  subs units_left, units_left, #8
  b.hs .Leight\@
.Lfour\@: /* units_left is negative: its lowest 3 bits are what is left */
  tbz units_left, #2, .Ltwo\@
  ek_load_x \count, q, 16
  ek_dot_4 \count, \quads, 4, 5, 6, 7
.Ltwo\@:
  tbz units_left, #1, .Lone\@
  ek_load_x \count, d, 8
  ek_dot_2 \count, \quads, 0, 1, 4, 5, 6, 7
.Lone\@:
  tbz units_left, #0, .Lnext\@
  ek_load_x \count, s, 4
  ek_dot_1 \count, \quads, 0, 4, 5, 6, 7
.Lnext\@:
  subs segments_left, segments_left, #1
  b.eq .Lfinish\@
  ek_next_run \count
  b .Lrun\@
.Lfinish\@:
  ek_finish_tile \count, \quads, \form
.endm

  ek_convolution_rows dot

#endif
  .section .note.GNU-stack, "", %progbits
