/*
 * Rows of depthwise convolution output on 64-bit ARM with dot-product instructions: int8 in, int8 out, exact.
 *
 * A vector is 8 channels. sdot adds four products to each of its sums, so the bytes of four neighbouring
 * positions are brought together channel by channel first: a quad. What outputs near each other read lies in the
 * same quads, each of them with weights that are moved by as many places; where there is no weight stands 0.
 *
 * A 3x3 filter takes its quads from four rows, and computes two rows of output at a time; neighbouring pixels
 * share columns. A filter of one row takes them along the row, and computes as many pixels at a time as start in
 * one quad.
 *
 * Weights are packed [block of 8 channels][output that shares quads][quad][8 channels][4]. The last
 * block starts at channel `channels - 8`: it may overlap the one before it.
 */
#ifndef EDGEKIT_NEON_DEPTHWISE_ROW_DOT_H
#define EDGEKIT_NEON_DEPTHWISE_ROW_DOT_H

#include "depthwise_row.h"

#define EK_QUAD_INLINE static inline __attribute__((always_inline, target("dotprod")))

enum { EK_QUAD = 4, EK_ROWS_3X3 = 2, EK_COLUMNS_3X3 = 3, EK_QUAD_BYTES = EK_QUAD * EK_LANES };
enum { EK_MOST_QUADS = 3, EK_MOST_OUTPUTS = 4 };

/* Four positions of 8 channels. */
typedef struct ek_quad {
  int8x16_t halves[2];
} ek_quad;

EK_QUAD_INLINE ek_quad ek_interleave(int8x8_t a, int8x8_t b, int8x8_t c, int8x8_t d) {
  const int8x16_t ab = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
  const int8x16_t cd = __builtin_shufflevector(c, d, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
  const int16x8_t first = vreinterpretq_s16_s8(ab), second = vreinterpretq_s16_s8(cd);
  const ek_quad quad = {{vreinterpretq_s8_s16(vzip1q_s16(first, second)),
                         vreinterpretq_s8_s16(vzip2q_s16(first, second))}};
  return quad;
}

/* The products of one quad, added to the sums of an output. */
EK_QUAD_INLINE void ek_add_quad(int32x4_t *sums, const ek_quad *quad, ek_quad weights) {
  sums[0] = vdotq_s32(sums[0], quad->halves[0], weights.halves[0]);
  sums[1] = vdotq_s32(sums[1], quad->halves[1], weights.halves[1]);
}

EK_QUAD_INLINE ek_quad ek_load_quad(const int8_t *packed) {
  const ek_quad quad = {{vld1q_s8(packed), vld1q_s8(packed + EK_QUAD_BYTES / 2)}};
  return quad;
}

/* Biases are loaded wherever they are added to: that takes fewer instructions than copying them from registers. */
EK_QUAD_INLINE void ek_begin_sums(int32x4_t *sums, const int32_t *bias) {
  EK_OPAQUE(bias);
  sums[0] = vld1q_s32(bias);
  sums[1] = vld1q_s32(bias + 4);
}

/* The four positions that a quad is taken from, and how far they have come. */
typedef struct ek_positions {
  const int8_t *places[EK_QUAD];
  intptr_t at;
  intptr_t step;
} ek_positions;

EK_QUAD_INLINE ek_positions ek_first_positions(const int8_t *x, intptr_t between, intptr_t step) {
  ek_positions positions = {{x, x + between, x + 2 * between, x + 3 * between}, 0, step};
  EK_OPAQUE(positions.places[1]);
  EK_OPAQUE(positions.places[2]);
  EK_OPAQUE(positions.places[3]);
  return positions;
}

EK_QUAD_INLINE ek_quad ek_next_quad(ek_positions *positions) {
  const intptr_t at = positions->at;
  positions->at = at + positions->step;
  EK_OPAQUE(positions->at);
  return ek_interleave(vld1_s8(positions->places[0] + at), vld1_s8(positions->places[1] + at),
                       vld1_s8(positions->places[2] + at), vld1_s8(positions->places[3] + at));
}

/* Where the two pixels go that one column of a 3x3 filter's windows gives. */
typedef struct ek_two_rows {
  const int32_t *bias;
  int8_t *rows[EK_ROWS_3X3];
  intptr_t at;
  intptr_t step;
} ek_two_rows;

/* Two pixels, one below the other. */
EK_QUAD_INLINE void ek_pixels_3x3_dot(const ek_eight_channels *how, const ek_quad weights[][EK_COLUMNS_3X3],
                                      const ek_quad *left, const ek_quad *middle, const ek_quad *right,
                                      ek_two_rows *out, const int form) {
  const ek_quad *columns[EK_COLUMNS_3X3] = {left, middle, right};
  EK_UNROLL
  for (int row = 0; row < EK_ROWS_3X3; row++) {
    int32x4_t sums[2];
    ek_begin_sums(sums, out->bias);
    EK_UNROLL
    for (int column = 0; column < EK_COLUMNS_3X3; column++) ek_add_quad(sums, columns[column], weights[row][column]);
    ek_store_depthwise(how, sums, out->rows[row] + out->at, EK_LANES, form);
  }
  out->at += out->step;
  EK_OPAQUE(out->at);
}

/* Two rows of a 3x3 filter that moves by one: neighbours share two columns of quads. */
EK_QUAD_INLINE void ek_rows_3x3_dot(const ek_depthwise_row *row, const ek_eight_channels *how,
                                    const ek_quad weights[][EK_COLUMNS_3X3], const int32_t *bias, const int8_t *x,
                                    int8_t *to, const int form) {
  ek_positions positions = ek_first_positions(x, row->row_stride, row->tap_stride);
  ek_two_rows out = {bias, {to, to + row->pixels * row->channels}, 0, row->channels};
  EK_OPAQUE(out.rows[1]);
  ek_quad a = ek_next_quad(&positions), b = ek_next_quad(&positions), c;
  int32_t left = row->pixels;
  for (; left >= EK_COLUMNS_3X3; left -= EK_COLUMNS_3X3) {
    c = ek_next_quad(&positions);
    ek_pixels_3x3_dot(how, weights, &a, &b, &c, &out, form);
    a = ek_next_quad(&positions);
    ek_pixels_3x3_dot(how, weights, &b, &c, &a, &out, form);
    b = ek_next_quad(&positions);
    ek_pixels_3x3_dot(how, weights, &c, &a, &b, &out, form);
  }
  if (left == 0) return;
  c = ek_next_quad(&positions);
  ek_pixels_3x3_dot(how, weights, &a, &b, &c, &out, form);
  if (left == 1) return;
  a = ek_next_quad(&positions);
  ek_pixels_3x3_dot(how, weights, &b, &c, &a, &out, form);
}

/* One block of channels of all rows: 2 at least. An odd number's last two overlap the two before. */
EK_QUAD_INLINE void ek_block_3x3_dot(const ek_depthwise_row *row, const int8_t *packed, int32_t channel,
                                     const int form) {
  const ek_eight_channels how = ek_load_channels(row, channel);
  ek_quad weights[EK_ROWS_3X3][EK_COLUMNS_3X3];
  EK_UNROLL
  for (int i = 0; i < EK_ROWS_3X3 * EK_COLUMNS_3X3; i++) {
    weights[i / EK_COLUMNS_3X3][i % EK_COLUMNS_3X3] = ek_load_quad(packed + EK_QUAD_BYTES * i);
  }
  const int8_t *x = row->x + channel;
  int8_t *out = row->out + channel;
  for (int32_t left = row->rows - EK_ROWS_3X3;; left -= EK_ROWS_3X3) {
    ek_rows_3x3_dot(row, &how, weights, row->bias + channel, x, out, form);
    if (left <= 0) break;
    const int32_t rows = left < EK_ROWS_3X3 ? left : EK_ROWS_3X3;
    x += rows * row->next_row;
    out += rows * row->pixels * row->channels;
  }
}

/* The quads that a tile of a filter of one row reads; the third where there are three. */
typedef struct ek_line_quads {
  ek_quad first;
  ek_quad second;
  ek_quad third;
} ek_line_quads;

/* The last of the quads. */
EK_QUAD_INLINE ek_quad *ek_last_quad(ek_line_quads *quads, const int QUADS) {
  return QUADS == EK_MOST_QUADS ? &quads->third : &quads->second;
}

/* The quads of the next tile: all but the last are those of this one. */
EK_QUAD_INLINE void ek_move_quads(ek_line_quads *quads, ek_positions *positions, const int QUADS) {
  quads->first = quads->second;
  quads->second = quads->third;
  *ek_last_quad(quads, QUADS) = ek_next_quad(positions);
}

/* As many pixels of a row as start in the first of QUADS quads. */
EK_QUAD_INLINE void ek_tile_line_dot(const ek_eight_channels *how, const int32_t *bias, const int8_t *weights,
                                     const ek_line_quads *quads, int8_t *out, intptr_t out_stride, const int QUADS,
                                     const int OUTPUTS, const int form) {
  EK_OPAQUE(weights); /* they do not fit registers: load them where they are used */
  EK_UNROLL
  for (int output = 0; output < OUTPUTS; output++) {
    int32x4_t sums[2];
    ek_begin_sums(sums, bias);
    ek_add_quad(sums, &quads->first, ek_load_quad(weights));
    ek_add_quad(sums, &quads->second, ek_load_quad(weights + EK_QUAD_BYTES));
    if (QUADS == EK_MOST_QUADS) ek_add_quad(sums, &quads->third, ek_load_quad(weights + 2 * EK_QUAD_BYTES));
    weights += QUADS * EK_QUAD_BYTES;
    ek_store_depthwise(how, sums, out, EK_LANES, form);
    out += out_stride;
  }
}

/* A row of a filter of one row. What pixels past the last would read must be there: the last tile computes them. */
EK_QUAD_INLINE void ek_line_dot(const ek_depthwise_row *row, const ek_eight_channels *how, const int32_t *bias,
                                const int8_t *weights, const int8_t *x, int8_t *out, const int QUADS,
                                const int OUTPUTS, const int form) {
  ek_positions positions = ek_first_positions(x, row->tap_stride, EK_QUAD * row->tap_stride);
  ek_line_quads quads;
  quads.second = ek_next_quad(&positions);
  quads.third = QUADS == EK_MOST_QUADS ? ek_next_quad(&positions) : quads.second;
  int32_t left = row->pixels;
  for (; left >= OUTPUTS; left -= OUTPUTS) {
    ek_move_quads(&quads, &positions, QUADS);
    ek_tile_line_dot(how, bias, weights, &quads, out, row->channels, QUADS, OUTPUTS, form);
    out += OUTPUTS * row->channels;
    EK_OPAQUE(out);
  }
  if (left > 0) {
    int8_t some[EK_MOST_OUTPUTS * EK_LANES];
    ek_move_quads(&quads, &positions, QUADS);
    ek_tile_line_dot(how, bias, weights, &quads, some, EK_LANES, QUADS, OUTPUTS, form);
    for (int32_t pixel = 0; pixel < left; pixel++) {
      vst1_s8(out + pixel * row->channels, vld1_s8(some + EK_LANES * pixel));
    }
  }
}

/* One block of channels of all rows. */
EK_QUAD_INLINE void ek_block_line_dot(const ek_depthwise_row *row, const int8_t *packed, int32_t channel,
                                      const int QUADS, const int OUTPUTS, const int form) {
  const ek_eight_channels how = ek_load_channels(row, channel);
  const int8_t *x = row->x + channel;
  int8_t *out = row->out + channel;
  for (int32_t y = 0; y < row->rows; y++) {
    ek_line_dot(row, &how, row->bias + channel, packed, x, out, QUADS, OUTPUTS, form);
    x += row->next_row;
    out += row->pixels * row->channels;
  }
}

/* All pixels, one block of channels after the other; QUADS is 0 for a 3x3 filter. */
EK_QUAD_INLINE void ek_depthwise_dot(const ek_depthwise_row *given, const int QUADS, const int OUTPUTS,
                                     const int form) {
  const ek_depthwise_row row = *given; /* a copy that no store through `out` can change */
  const int8_t *weights = row.weights;
  for (int32_t at = 0; at < row.channels; at += EK_LANES) {
    const int32_t channel = at + EK_LANES <= row.channels ? at : row.channels - EK_LANES;
    if (QUADS == 0) {
      ek_block_3x3_dot(&row, weights, channel, form);
      weights += EK_COLUMNS_3X3 * EK_ROWS_3X3 * EK_QUAD_BYTES;
    } else {
      ek_block_line_dot(&row, weights, channel, QUADS, OUTPUTS, form);
      weights += QUADS * OUTPUTS * EK_QUAD_BYTES;
    }
  }
}

#endif
