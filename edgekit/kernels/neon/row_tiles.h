/*
 * Assembler macros for kernels that compute rows of convolution output on 64-bit ARM: the walk over a row's tiles.
 *
 * Functions take the operands of ek_row (../common/row.h), in its order. A tile is EK_TILE_PIXELS pixels, 3 or 4, or
 * what is left of a row, times 16 channels, or 8 where no more are left. Weights are packed [block of channels]
 * [segment][unit][channel][bytes of a unit], padded with zeros; biases and factors are padded to whole blocks.
 *
 * Who includes this defines EK_TILE_PIXELS, EK_UNIT_SHIFT (a unit has 1 << EK_UNIT_SHIFT bytes), EK_FACTOR_BYTES
 * (what a channel's bias takes, and its multiplier, and its shift), and the macros ek_start_row, for what a row needs
 * once, and ek_tile, which computes one tile: it reads what x_tile, unit_weights and the factors point at, and leaves
 * unit_weights after the block's weights, out_pixel after the tile's last pixel, and x_tile, if it is a whole tile,
 * at the next one.
 */
#ifndef EDGEKIT_NEON_ROW_TILES_H
#define EDGEKIT_NEON_ROW_TILES_H

#include "row_scale.h"

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

#define EK_FRAME 128 /* x25 and x26 are saved too, and free */
/* Operands that the caller left on its stack, above our frame. */
#define EK_SEGMENTS (EK_FRAME + 0)
#define EK_SEGMENT_STRIDE (EK_FRAME + 8)
#define EK_UNITS (EK_FRAME + 16)
#define EK_CHANNELS (EK_FRAME + 24)
#define EK_ZERO_POINT (EK_FRAME + 32)
#define EK_LOW (EK_FRAME + 40)
#define EK_HIGH (EK_FRAME + 48)

/* What a kernel does before the first tile of a block: nothing, unless it defines a macro of its own. */
#ifndef EK_HAS_BLOCK_START
.macro ek_start_block quads
.endm
#endif

/* Start a tile with the first run of \count pixels. Only whole tiles have another after them. */
.macro ek_start_tile count
  mov unit_weights, weights
  mov segments_left, segments
  ek_start_pixels \count
.endm

.macro ek_start_pixels count
  mov x_pixel_0, x_tile
.if \count > 1
  add x_pixel_1, x_pixel_0, pixel_stride
.endif
.if \count > 2
  add x_pixel_2, x_pixel_1, pixel_stride
.endif
.if \count > 3
  add x_pixel_3, x_pixel_2, pixel_stride
.endif
.if \count == EK_TILE_PIXELS && \count == 4
  add x_tile, x_pixel_3, pixel_stride
.elseif \count == EK_TILE_PIXELS
  add x_tile, x_pixel_2, pixel_stride
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

.macro ek_store_pixel quads, bytes
.if \quads == 4
  st1 {v\bytes\().16b}, [out_pixel], out_stride
.else
  st1 {v\bytes\().8b}, [out_pixel], out_stride
.endif
.endm

/* Store as many of a pixel's bytes as there are channels. */
.macro ek_store_some bytes
  mov x21, out_pixel
  add out_pixel, out_pixel, out_stride
  tbz channels_left, #3, 1f
  st1 {v\bytes\().d}[0], [x21], #8
  ext v\bytes\().16b, v\bytes\().16b, v\bytes\().16b, #8
1:
  tbz channels_left, #2, 1f
  st1 {v\bytes\().s}[0], [x21], #4
  ext v\bytes\().16b, v\bytes\().16b, v\bytes\().16b, #4
1:
  tbz channels_left, #1, 1f
  st1 {v\bytes\().h}[0], [x21], #2
  ext v\bytes\().16b, v\bytes\().16b, v\bytes\().16b, #2
1:
  tbz channels_left, #0, 1f
  st1 {v\bytes\().b}[0], [x21]
1:
.endm

/* Store the bytes of \count pixels. */
.macro ek_store_tile count, quads, bytes_0, bytes_1, bytes_2, bytes_3
  cbnz is_partial, .Lsome\@
  ek_store_pixel \quads, \bytes_0
.if \count > 1
  ek_store_pixel \quads, \bytes_1
.endif
.if \count > 2
  ek_store_pixel \quads, \bytes_2
.endif
.if \count > 3
  ek_store_pixel \quads, \bytes_3
.endif
  .subsection 1 /* out of the way */
.Lsome\@:
  ek_store_some \bytes_0
.if \count > 1
  ek_store_some \bytes_1
.endif
.if \count > 2
  ek_store_some \bytes_2
.endif
.if \count > 3
  ek_store_some \bytes_3
.endif
  b .Lstored\@
  .previous
.Lstored\@:
.endm

/* All pixels of one block of channels. */
.macro ek_block quads, form
  cmp channels_left, #4 * \quads
  cset is_partial, lt
  mov x_tile, x_row
  ek_start_block \quads
  mov out_pixel, out
  subs pixels_left, pixels, #EK_TILE_PIXELS
  b.lo .Lrest\@
.Ltiles\@:
  ek_tile EK_TILE_PIXELS, \quads, \form
  subs pixels_left, pixels_left, #EK_TILE_PIXELS
  b.hs .Ltiles\@
.Lrest\@: /* fewer than a tile, less a tile */
  adds pixels_left, pixels_left, #EK_TILE_PIXELS
  b.eq .Ldone\@
  cmp pixels_left, #2
  b.lo .Lsingle\@
.if EK_TILE_PIXELS > 3
  b.eq .Lpair\@
  ek_tile 3, \quads, \form
  b .Ldone\@
.endif
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
  stp x25, x26, [sp, #112]
  sxtw pixel_stride, w7
  ldr segments, [sp, #EK_SEGMENTS]
  ldr units, [sp, #EK_UNITS]
  ldr w11, [sp, #EK_SEGMENT_STRIDE]
  sub w11, w11, units, lsl #EK_UNIT_SHIFT
  sxtw segment_gap, w11
  ldr channels_left, [sp, #EK_CHANNELS]
  mov w13, channels_left
  ek_start_row \form
.Lblocks\@:
  cmp channels_left, #8
  b.le .Lnarrow\@
  ek_block 4, \form
  add bias, bias, #16 * EK_FACTOR_BYTES
  add multiplier, multiplier, #16 * EK_FACTOR_BYTES
  add shift, shift, #16 * EK_FACTOR_BYTES
  add out, out, #16
  subs channels_left, channels_left, #16
  b.gt .Lblocks\@
  b .Lreturn\@
.Lnarrow\@:
  ek_block 2, \form
.Lreturn\@:
  ldp x25, x26, [sp, #112]
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

/* The instances of a kernel that schedules call, one for each form of scaling. */
.macro ek_convolution_rows kernel
  ek_convolution_row ek_convolution_row_\kernel\()_relu, EK_RELU
  ek_convolution_row ek_convolution_row_\kernel\()_linear, EK_LINEAR
  ek_convolution_row ek_convolution_row_\kernel\()_relu_wide, (EK_RELU | EK_WIDE)
  ek_convolution_row ek_convolution_row_\kernel\()_linear_wide, (EK_LINEAR | EK_WIDE)
  ek_convolution_row ek_convolution_row_\kernel\()_general, (EK_GENERAL | EK_WIDE)
.endm

#endif
