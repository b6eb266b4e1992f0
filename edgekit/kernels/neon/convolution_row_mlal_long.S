/*
 * As convolution_row_mlal.S, for runs of whole steps of four pairs, where some steps' weights are so small that the
 * products of all four pairs can be added in int16 before they are added in int32: one instruction in six less.
 *
 * These long steps are computed first, then the others; the packing decides which are which, for each block of
 * channels. Packed are [block of channels]: for each vector of it a table of int32: the number of long steps, of
 * others, the offset of the first step's input from the pixel's, and after each step the distance to the next one's,
 * padded to 16 bytes (a block uses the first vector's alone); then [step][vector][pair][channel][2] in that order.
 */
#ifdef __aarch64__
#define EK_HAS_BLOCK_START
#include "row_pairs.h"

/* Of this block. */
long_steps .req w12
other_steps .req w25
first_weights .req x10
distances .req x11
table_bytes .req x26 /* of a vector */
/* Of this tile. */
distance .req x17
four_bytes .req x22

/* Four pairs of each of \count pixels times the weights of 8 channels, to their sums. */
.macro ek_four_pairs count, x0, x1, y0, y1, z0, z1
  ld1 {v12.16b, v13.16b, v14.16b, v15.16b}, [unit_weights], #64
  ek_long smull, 28, 29, 12, 0
.if \count > 1
  ek_long smull, 30, 31, 12, 4
.endif
  ek_long smlal, 28, 29, 13, 1
.if \count > 1
  ek_long smlal, 30, 31, 13, 5
.endif
  ek_long smlal, 28, 29, 14, 2
.if \count > 1
  ek_long smlal, 30, 31, 14, 6
.endif
  ek_long smlal, 28, 29, 15, 3
.if \count > 1
  ek_long smlal, 30, 31, 15, 7
.endif
  ek_add \x0, 28
  ek_add \x1, 29
.if \count > 1
  ek_add \y0, 30
  ek_add \y1, 31
.endif
.if \count > 2
  ek_long smull, 28, 29, 12, 8
  ek_long smlal, 28, 29, 13, 9
  ek_long smlal, 28, 29, 14, 10
  ek_long smlal, 28, 29, 15, 11
  ek_add \z0, 28
  ek_add \z1, 29
.endif
.endm

.macro ek_step vector, count, quads
  ldrsw four_bytes, [distance], #4
  ek_load_four_pairs \count
  ek_vectors \vector, \count, \quads
.endm

/* As many steps as \steps says; the loop holds two, and is entered in the middle where their number is odd. */
.macro ek_steps vector, steps, count, quads
  mov units_left, \steps
  tbnz \steps, #0, .Lodd\@
  cbz \steps, .Ldone\@
.Leven\@:
  ek_step \vector, \count, \quads
.Lodd\@:
  ek_step \vector, \count, \quads
  subs units_left, units_left, #2
  b.gt .Leven\@
.Ldone\@:
.endm

.macro ek_tile count, quads, form
  mov unit_weights, first_weights
  mov distance, distances
  ek_start_pixels \count
  ek_load_biases \count, \quads
  ek_steps ek_four_pairs, long_steps, \count, \quads
  ek_steps ek_vector_of_four, other_steps, \count, \quads
  ek_finish_tile \count, \quads, \form
.endm

.macro ek_start_block quads
  ldp long_steps, other_steps, [weights]
  ldrsw x14, [weights, #8]
  add x_tile, x_tile, x14
  add distances, weights, #12
.if \quads == 4
  add first_weights, weights, table_bytes, lsl #1
.else
  add first_weights, weights, table_bytes
.endif
.endm

/* The bytes of a table: of 3 numbers, and one for each step. */
.macro ek_start_row form
  mul w14, segments, units
  add w14, w14, #12 + 15
  and w14, w14, #-16
  uxtw table_bytes, w14
.endm

  ek_convolution_rows mlal_long

#endif
  .section .note.GNU-stack, "", %progbits
