/*
 * A row of convolution output on 64-bit ARM with dot-product instructions: int8 in, int8 out, exact.
 *
 * In assembly since compilers leave a quarter of the instructions on the table: they move sums and addresses
 * about, and load the factors of the scaling for every pixel.
 *
 * The functions take the operands of ek_row (../common/row.h), in its order; a run is counted in units of 4
 * bytes. A tile is 4 pixels, or what is left of a row, times 16 channels, or 8 where no more are left. Each
 * register of sums holds 4 channels of a pixel: v16 to v19 of the first pixel, v20 to v23 of the second, and so
 * on. sdot adds to each channel the products of 4 input bytes, taken from one lane of what the pixel reads, with
 * 4 weights of that channel. Weights are packed [block of channels][segment][unit][channel][4], padded with
 * zeros; they go to v0 to v3, inputs to v4 to v7, and to v8 to v11 where 8 units are taken at once.
 */
#ifdef __aarch64__
#include "row_scale.h"

  .arch armv8.2-a+dotprod

/* Operands. */
x_row .req x0
weights .req x1 /* of this block of channels; so are the next four */
bias .req x2
multiplier .req x3
shift .req x4
out .req x5
pixels .req w6
pixel_stride .req x7
segments .req w10
segment_gap .req x11 /* from the end of a run to the start of the next one */
units .req w12
out_stride .req x13

/* Where this tile stands. */
unit_weights .req x8
out_pixel .req x9
x_pixel_0 .req x14
x_pixel_1 .req x15
x_pixel_2 .req x16
x_pixel_3 .req x17
pixels_left .req w19
x_tile .req x20
units_left .req w21
segments_left .req w22
channels_left .req w23
is_partial .req w24 /* whether this block has fewer channels than its tile */

#define EK_FRAME 112
/* Operands that the caller left on its stack, above our frame. */
#define EK_SEGMENTS (EK_FRAME + 0)
#define EK_SEGMENT_STRIDE (EK_FRAME + 8)
#define EK_UNITS (EK_FRAME + 16)
#define EK_CHANNELS (EK_FRAME + 24)
#define EK_ZERO_POINT (EK_FRAME + 32)
#define EK_LOW (EK_FRAME + 40)
#define EK_HIGH (EK_FRAME + 48)

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

.macro ek_load_bias quads, a, b, c, d
.if \quads == 4
  ld1 {v\a\().4s, v\b\().4s, v\c\().4s, v\d\().4s}, [bias]
.else
  ld1 {v\a\().4s, v\b\().4s}, [bias]
.endif
.endm

/* Start with the first run and the biases. Only whole tiles have another after them. */
.macro ek_start_tile count, quads
  mov unit_weights, weights
  mov segments_left, segments
  mov x_pixel_0, x_tile
  ek_load_bias \quads, 16, 17, 18, 19
.if \count > 1
  add x_pixel_1, x_pixel_0, pixel_stride
  ek_load_bias \quads, 20, 21, 22, 23
.endif
.if \count > 2
  add x_pixel_2, x_pixel_1, pixel_stride
  ek_load_bias \quads, 24, 25, 26, 27
.endif
.if \count > 3
  add x_pixel_3, x_pixel_2, pixel_stride
  add x_tile, x_pixel_3, pixel_stride
  ek_load_bias \quads, 28, 29, 30, 31
.endif
.endm

.macro ek_next_run count
  add x_pixel_0, x_pixel_0, segment_gap
.if \count > 1
  add x_pixel_1, x_pixel_1, segment_gap
.endif
.if \count > 2
  add x_pixel_2, x_pixel_2, segment_gap
.endif
.if \count > 3
  add x_pixel_3, x_pixel_3, segment_gap
.endif
.endm

/* One tile of \count pixels. */
.macro ek_tile count, quads, form
  ek_start_tile \count, \quads
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
  ek_load_factors \quads, \form, multiplier, shift
  ek_finish \quads, \form, 16, 17, 18, 19
.if \count > 1
  ek_finish \quads, \form, 20, 21, 22, 23
.endif
.if \count > 2
  ek_finish \quads, \form, 24, 25, 26, 27
.endif
.if \count > 3
  ek_finish \quads, \form, 28, 29, 30, 31
.endif
  cbnz is_partial, .Lsome\@
  ek_store \quads, 16, out_pixel, out_stride
.if \count > 1
  ek_store \quads, 20, out_pixel, out_stride
.endif
.if \count > 2
  ek_store \quads, 24, out_pixel, out_stride
.endif
.if \count > 3
  ek_store \quads, 28, out_pixel, out_stride
.endif
  .subsection 1 /* out of the way */
.Lsome\@:
  ek_store_some 16, out_pixel, out_stride, channels_left, x21
.if \count > 1
  ek_store_some 20, out_pixel, out_stride, channels_left, x21
.endif
.if \count > 2
  ek_store_some 24, out_pixel, out_stride, channels_left, x21
.endif
.if \count > 3
  ek_store_some 28, out_pixel, out_stride, channels_left, x21
.endif
  b .Lend\@
  .previous
.Lend\@:
.endm

/* All pixels of one block of channels. */
.macro ek_block quads, form
  cmp channels_left, #4 * \quads
  cset is_partial, lt
  mov x_tile, x_row
  mov out_pixel, out
  subs pixels_left, pixels, #4
  b.lo .Lrest\@
.Ltiles\@:
  ek_tile 4, \quads, \form
  subs pixels_left, pixels_left, #4
  b.hs .Ltiles\@
.Lrest\@: /* 0 to 3 pixels, less 4 */
  adds pixels_left, pixels_left, #4
  b.eq .Ldone\@
  cmp pixels_left, #2
  b.lo .Lsingle\@
  b.eq .Lpair\@
  ek_tile 3, \quads, \form
  b .Ldone\@
.Lpair\@:
  ek_tile 2, \quads, \form
  b .Ldone\@
.Lsingle\@:
  ek_tile 1, \quads, \form
.Ldone\@:
  mov weights, unit_weights
.endm

.macro ek_convolution_row name, form
  .section .text.\name, "ax", %progbits
  .globl \name
  .hidden \name
  .type \name, %function
  .p2align 4
\name:
  stp d8, d9, [sp, #-EK_FRAME]!
  stp d10, d11, [sp, #16]
  stp d12, d13, [sp, #32]
  stp d14, d15, [sp, #48]
  stp x19, x20, [sp, #64]
  stp x21, x22, [sp, #80]
  stp x23, x24, [sp, #96]
  sxtw pixel_stride, w7
  ldr segments, [sp, #EK_SEGMENTS]
  ldr units, [sp, #EK_UNITS]
  ldr w11, [sp, #EK_SEGMENT_STRIDE]
  sub w11, w11, units, lsl #2
  sxtw segment_gap, w11
  ldr channels_left, [sp, #EK_CHANNELS]
  mov w13, channels_left
  ek_load_constants \form, EK_ZERO_POINT, EK_LOW, EK_HIGH
.Lblocks\@:
  cmp channels_left, #8
  b.le .Lnarrow\@
  ek_block 4, \form
  add bias, bias, #64
  add multiplier, multiplier, #64
  add shift, shift, #64
  add out, out, #16
  subs channels_left, channels_left, #16
  b.gt .Lblocks\@
  b .Lreturn\@
.Lnarrow\@:
  ek_block 2, \form
.Lreturn\@:
  ldp x23, x24, [sp, #96]
  ldp x21, x22, [sp, #80]
  ldp x19, x20, [sp, #64]
  ldp d14, d15, [sp, #48]
  ldp d12, d13, [sp, #32]
  ldp d10, d11, [sp, #16]
  ldp d8, d9, [sp], #EK_FRAME
  ret
  .size \name, . - \name
.endm

  ek_convolution_row ek_convolution_row_dot_relu, EK_RELU
  ek_convolution_row ek_convolution_row_dot_linear, EK_LINEAR
  ek_convolution_row ek_convolution_row_dot_relu_wide, (EK_RELU | EK_WIDE)
  ek_convolution_row ek_convolution_row_dot_linear_wide, (EK_LINEAR | EK_WIDE)
  ek_convolution_row ek_convolution_row_dot_general, (EK_GENERAL | EK_WIDE)

#endif
  .section .note.GNU-stack, "", %progbits
