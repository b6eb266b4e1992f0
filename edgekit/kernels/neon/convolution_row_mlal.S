/*
 * A row of convolution output on 64-bit ARM without dot-product instructions: int8 in, int8 out, exact.
 *
 * In assembly since every one of the 32 vector registers has its place: compilers copy sums about and spill them.
 *
 * The units of a run are pairs of input bytes, multiplied as row_pairs.h says. They are taken in steps of four; what is
 * left of a run is a step of two, of one, or both. Weights are packed [block of channels][segment][step][vector of 8
 * channels][pair of the step][channel][2].
 */
#ifdef __aarch64__
#include "row_pairs.h"

/* The steps of a run: of four pairs; of two, twice, and of one, together. And how far apart what they read is. */
fours .req w12
twos_and_one .req w25
four_bytes .req x26
two_bytes .req x17

/* The same for one pair, in v0, v4 and v8, times v12. */
.macro ek_one_pair count, x0, x1, y0, y1, z0, z1
  ek_long smull, 28, 29, 12, 0
  ek_add \x0, 28
  ek_add \x1, 29
.if \count > 1
  ek_long smull, 30, 31, 12, 4
  ek_add \y0, 30
  ek_add \y1, 31
.endif
.if \count > 2
  ek_long smull, 28, 29, 12, 8
  ek_add \z0, 28
  ek_add \z1, 29
.endif
.endm

.macro ek_vector_of_two count, x0, x1, y0, y1, z0, z1
  ld1 {v12.16b, v13.16b}, [unit_weights], #32
  ek_two_pairs \count, 12, 13, 0, 1, 4, 5, 8, 9, \x0, \x1, \y0, \y1, \z0, \z1
.endm

.macro ek_vector_of_one count, x0, x1, y0, y1, z0, z1
  ld1 {v12.16b}, [unit_weights], #16
  ek_one_pair \count, \x0, \x1, \y0, \y1, \z0, \z1
.endm

.macro ek_step_of_two count, quads
  ld2r {v0.8h, v1.8h}, [x_pixel_0], two_bytes
.if \count > 1
  ld2r {v4.8h, v5.8h}, [x_pixel_1], two_bytes
.endif
.if \count > 2
  ld2r {v8.8h, v9.8h}, [x_pixel_2], two_bytes
.endif
  ek_vectors ek_vector_of_two, \count, \quads
.endm

.macro ek_step_of_one count, quads
  ld1r {v0.8h}, [x_pixel_0], #2
.if \count > 1
  ld1r {v4.8h}, [x_pixel_1], #2
.endif
.if \count > 2
  ld1r {v8.8h}, [x_pixel_2], #2
.endif
  ek_vectors ek_vector_of_one, \count, \quads
.endm

/* One tile. The loop over steps of four holds two of them, and is entered in the middle where their number is odd. */
.macro ek_tile count, quads, form
  ek_start_tile \count
  ek_load_biases \count, \quads
.Lrun\@:
  mov units_left, fours
  tbnz fours, #0, .Lodd\@
  cbz fours, .Lrest\@
.Leven\@:
  ek_step_of_four \count, \quads
.Lodd\@:
  ek_step_of_four \count, \quads
  subs units_left, units_left, #2
  b.gt .Leven\@
.Lrest\@:
  cbnz twos_and_one, .Ltwos\@
.Lnext\@:
  subs segments_left, segments_left, #1
  b.ne .Lgap\@
  .subsection 1 /* out of the way */
.Ltwos\@:
  lsr units_left, twos_and_one, #1
  cbz units_left, .Lone\@
.Ltwo\@:
  ek_step_of_two \count, \quads
  subs units_left, units_left, #1
  b.ne .Ltwo\@
.Lone\@:
  tbz twos_and_one, #0, .Lnext\@
  ek_step_of_one \count, \quads
  b .Lnext\@
.Lgap\@:
  ek_next_run \count
  b .Lrun\@
  .previous
  ek_finish_tile \count, \quads, \form
.endm

/* Count the steps of a run. Runs of a single step are taken for one run of all steps. */
.macro ek_start_row form
  ldrsw x9, [sp, #EK_SEGMENT_STRIDE]
  mov w8, units
  and twos_and_one, w8, #3
  lsr fours, w8, #2
  mov four_bytes, #8
  mov two_bytes, #4
  cmp w8, #4
  csel fours, segments, fours, eq
  csel four_bytes, x9, four_bytes, eq
  csinc segments, segments, wzr, ne
  cmp w8, #2
  lsl w14, segments, #1
  csel twos_and_one, w14, twos_and_one, eq
  csel two_bytes, x9, two_bytes, eq
  csinc segments, segments, wzr, ne
.endm

  ek_convolution_rows mlal

#endif
  .section .note.GNU-stack, "", %progbits
