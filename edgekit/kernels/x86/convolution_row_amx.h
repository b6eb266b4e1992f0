/*
 * A row of convolution output on x86 with AMX: int8 in, int8 out, exact.
 *
 * A step takes up to 2 tiles of up to 16 pixels, and up to 2 vectors of 16 output channels. A tile register holds 64
 * bytes of what each pixel reads, another the weights of these for 16 channels, and tdpbssd adds all products to a
 * tile of sums, which wrap in 32 bits, as the reference's do. Sums go through memory to be scaled.
 *
 * A run is counted in bytes, whole units of 64, and weights are packed [16 channels][segment][unit][16 fours][channel][4].
 * Bytes after a run's own may be anything: weights are 0 there.
 *
 * Pixels are those of a plane whose rows are `width` pixels long, and only the first `out_width` of each row are output:
 * where a filter moves by one pixel, the pixels between the ends of rows that it reads are computed too, for nothing,
 * so that every tile is full and has one stride.
 *
 * Linux gives a process the tile registers when it asks for them. Where it refuses, as it does a thread whose stack
 * for signals is too small to save them, products are added without, slowly.
 *
 * Registers: sums 0 (first tile, first vector), 1 (first, second), 2 (second, first), 3 (second, second); inputs 4
 * and 5; weights 6 and 7.
 */
#ifndef EDGEKIT_X86_CONVOLUTION_ROW_AMX_H
#define EDGEKIT_X86_CONVOLUTION_ROW_AMX_H

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "store_vnni.h"

#define EK_AMX_TARGET target("amx-tile,amx-int8,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#define EK_AMX_INLINE static inline __attribute__((always_inline, EK_AMX_TARGET))

enum { EK_TILE_ROWS = 16, EK_TILE_BYTES = 64, EK_TILE_WEIGHTS = 1024, EK_LINE = 64, EK_STRIP_BYTES = 512 << 10 };
/* Fewer steps take no longer than memory does to give the next block's weights: the CPU itself fetches those in time. */
enum { EK_FETCHING_STEPS = 4 };
enum { EK_ASK_FOR_STATE = 0x1023, EK_TILE_STATE = 18 }; /* of Linux: ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA */

/* The operand of ldtilecfg. */
typedef struct ek_tile_shapes {
  uint8_t palette;
  uint8_t first_row;
  uint8_t reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} ek_tile_shapes;

/* [tile][vector][pixel][channel] */
typedef int32_t ek_tile_sums[2][2][EK_TILE_ROWS][EK_LANES];

/* What a step reads: two tiles of inputs, two vectors' weights, and weights to fetch into the second cache. */
typedef struct ek_step {
  size_t pixel_stride;
  int32_t segments;
  int32_t segment_stride;
  const int8_t *x[2];
  const int8_t *weights[2];
  const int8_t *next;
  int32_t lines; /* to fetch a unit */
  int32_t units; /* of a segment */
  int32_t rows; /* pixels of a tile */
} ek_step;

/* Whether this process may use tile registers. */
static inline int ek_has_tiles(void) {
  static int answer; /* 0: not asked yet */
  int known = __atomic_load_n(&answer, __ATOMIC_RELAXED);
  if (known == 0) {
    known = syscall(SYS_arch_prctl, EK_ASK_FOR_STATE, EK_TILE_STATE) == 0 ? 1 : -1;
    __atomic_store_n(&answer, known, __ATOMIC_RELAXED);
  }
  return known > 0;
}

/* All inputs have `rows` pixels. */
EK_AMX_INLINE void ek_shape_tiles(int32_t rows) {
  ek_tile_shapes shapes;
  memset(&shapes, 0, sizeof shapes);
  shapes.palette = 1;
  for (int i = 0; i < 8; i++) {
    shapes.row_bytes[i] = EK_TILE_BYTES;
    shapes.rows[i] = (uint8_t)(i < 6 ? rows : EK_TILE_ROWS);
  }
  _tile_loadconfig(&shapes);
}

/* What ek_multiply_amx does, without tile registers. */
static void ek_multiply_slowly(const ek_step *step, ek_tile_sums sums, int tiles, int vectors) {
  const int32_t of_segment = step->units * EK_TILE_WEIGHTS;
  for (int i = 0; i < tiles * vectors * step->rows; i++) {
    const int pixel = i % step->rows, vector = i / step->rows % vectors, tile = i / step->rows / vectors;
    uint32_t *sum = (uint32_t *)sums[tile][vector][pixel];
    memset(sum, 0, EK_LINE);
    for (int32_t segment = 0; segment < step->segments; segment++) {
      const int8_t *x = step->x[tile] + segment * step->segment_stride + (size_t)pixel * step->pixel_stride;
      const int8_t *weights = step->weights[vector] + segment * of_segment;
      for (int32_t at = 0; at < of_segment; at++) {
        sum[at / 4 % EK_LANES] += (uint32_t)(x[at / EK_LINE * 4 + at % 4] * weights[at]);
      }
    }
  }
}

/* TILES and VECTORS, 1 or 2, are constants where it is inlined. */
EK_AMX_INLINE void ek_multiply_amx(const ek_step *given, ek_tile_sums sums, const int TILES, const int VECTORS) {
  const ek_step step = *given;
  const int8_t *weights[2] = {step.weights[0], step.weights[1]}, *next = step.next;
  _tile_zero(0);
  if (VECTORS > 1) _tile_zero(1);
  if (TILES > 1) _tile_zero(2);
  if (TILES > 1 && VECTORS > 1) _tile_zero(3);
  for (int32_t segment = 0; segment < step.segments; segment++) {
    const int8_t *x[2] = {step.x[0] + segment * step.segment_stride, step.x[1] + segment * step.segment_stride};
    for (int32_t unit = 0; unit < step.units; unit++) {
      _tile_loadd(4, x[0], step.pixel_stride);
      _tile_loadd(6, weights[0], EK_LINE);
      _tile_dpbssd(0, 4, 6);
      if (VECTORS > 1) {
        _tile_loadd(7, weights[1], EK_LINE);
        _tile_dpbssd(1, 4, 7);
      }
      if (TILES > 1) {
        _tile_loadd(5, x[1], step.pixel_stride);
        _tile_dpbssd(2, 5, 6);
        if (VECTORS > 1) _tile_dpbssd(3, 5, 7);
      }
      for (int32_t line = 0; line < step.lines; line++) {
        _mm_prefetch((const char *)next, _MM_HINT_T1);
        next += EK_LINE;
      }
      for (int i = 0; i < 2; i++) {
        x[i] += EK_TILE_BYTES;
        weights[i] += EK_TILE_WEIGHTS;
      }
    }
  }
  _tile_stored(0, sums[0][0], EK_LINE);
  if (VECTORS > 1) _tile_stored(1, sums[0][1], EK_LINE);
  if (TILES > 1) _tile_stored(2, sums[1][0], EK_LINE);
  if (TILES > 1 && VECTORS > 1) _tile_stored(3, sums[1][1], EK_LINE);
}

/* What is computed of a plane's pixels. */
typedef struct ek_plane {
  ek_row row; /* all of them */
  int32_t width;
  int32_t out_width;
  int32_t begin; /* the first channel: a multiple of 16 */
  int32_t end;   /* likewise, or the number of channels */
} ek_plane;

/* Scale PIXELS pixels of a tile's sums and store them. */
EK_AMX_INLINE void ek_store_some(const ek_row row, int32_t (*tile)[EK_TILE_ROWS][EK_LANES], int32_t pixel,
                                 const ek_scaling *how, int8_t *out, int32_t count, const int PIXELS,
                                 const int VECTORS, const int form) {
  __m512i sums[2][EK_MOST_VECTORS];
  EK_UNROLL
  for (int p = 0; p < PIXELS; p++) {
    EK_UNROLL
    for (int v = 0; v < VECTORS; v++) {
      sums[p][v] = _mm512_add_epi32(_mm512_load_si512(tile[v][pixel + p]), how[v].bias);
    }
  }
  ek_store_vnni(row, sums, how, out, count, PIXELS, VECTORS, form);
}

/* The output of a tile of `rows` pixels from the plane's pixel `at` on. */
EK_AMX_INLINE void ek_store_tile(const ek_plane plane, int32_t (*tile)[EK_TILE_ROWS][EK_LANES], int32_t at,
                                 int32_t rows, const ek_scaling *how, int32_t channel, const int VECTORS,
                                 const int form) {
  const ek_row row = plane.row;
  const int32_t count = row.channels - channel;
  int32_t y = at / plane.width, column = at % plane.width;
  for (int32_t first = 0; first < rows; first += plane.width - column, column = 0, y++) {
    const int32_t end = first + plane.out_width - column < rows ? first + plane.out_width - column : rows;
    int8_t *out = row.out + ((int64_t)y * plane.out_width + column) * row.channels + channel;
    int32_t pixel = first;
    for (; pixel + 2 <= end; pixel += 2) {
      ek_store_some(row, tile, pixel, how, out, count, 2, VECTORS, form);
      out += 2 * row.channels;
    }
    if (pixel < end) ek_store_some(row, tile, pixel, how, out, count, 1, VECTORS, form);
  }
}

/* Pixels `begin` to `end` of a block of up to 16 * VECTORS channels; tiles of `rows` may overlap the one before. */
EK_AMX_INLINE void ek_block_amx(const ek_plane plane, int32_t begin, int32_t end, int32_t rows, int32_t channel,
                                const int TILES, const int VECTORS, const int form) {
  const ek_row row = plane.row;
  const int32_t last = row.pixels - rows, taken = TILES * rows, packed = row.segments * row.run * EK_LANES;
  const int32_t steps = (end - begin + taken - 1) / taken, block_lines = EK_TILE_WEIGHTS / EK_LINE * VECTORS;
  const int32_t is_last = channel + EK_LANES * VECTORS >= plane.end;
  const int8_t *weights = row.weights + (int64_t)packed * (channel / EK_LANES);
  ek_tile_sums sums __attribute__((aligned(EK_LINE)));
  ek_scaling how[2];
  EK_UNROLL
  for (int v = 0; v < VECTORS; v++) {
    const int32_t first = channel + EK_LANES * v;
    how[v] = ek_load_scaling(row.bias + first, row.multiplier + first, row.shift + first, row.zero_point, form);
  }
  ek_step step = {
      .pixel_stride = (size_t)row.pixel_stride,
      .segments = row.segments,
      .segment_stride = row.segment_stride,
      .weights = {weights, weights + packed},
      .next = weights + (int64_t)packed * VECTORS,
      .lines = is_last || steps < EK_FETCHING_STEPS ? 0 : (block_lines + steps - 1) / steps,
      .units = row.run / EK_TILE_BYTES,
      .rows = rows,
  };
  for (int32_t pixel = begin; pixel < end; pixel += taken) {
    int32_t at[2];
    EK_UNROLL
    for (int tile = 0; tile < TILES; tile++) {
      at[tile] = pixel + tile * rows < last ? pixel + tile * rows : last;
      step.x[tile] = row.x + (int64_t)at[tile] * row.pixel_stride;
    }
    if (ek_has_tiles()) {
      ek_multiply_amx(&step, sums, TILES, VECTORS);
    } else {
      ek_multiply_slowly(&step, sums, TILES, VECTORS);
    }
    step.next += step.segments * step.units * step.lines * EK_LINE;
    EK_UNROLL
    for (int tile = 0; tile < TILES; tile++) {
      ek_store_tile(plane, sums[tile], at[tile], rows, how, channel, VECTORS, form);
    }
  }
}

/* Strips of pixels whose inputs fit the second cache, and in each one block of channels after the other. */
EK_AMX_INLINE void ek_convolve_tiles(const ek_plane plane, int32_t rows, const int TILES, const int form) {
  const ek_row row = plane.row;
  const int32_t taken = TILES * rows, fitting = EK_STRIP_BYTES / (row.pixel_stride * taken);
  const int32_t strip = taken * (fitting < 1 ? 1 : fitting);
  for (int32_t begin = 0; begin < row.pixels; begin += strip) {
    const int32_t end = begin + strip < row.pixels ? begin + strip : row.pixels;
    int32_t channel = plane.begin;
    for (; channel + EK_LANES < plane.end; channel += 2 * EK_LANES) {
      ek_block_amx(plane, begin, end, rows, channel, TILES, 2, form);
    }
    if (channel < plane.end) ek_block_amx(plane, begin, end, rows, channel, TILES, 1, form);
  }
}

/* As many tiles as pixels need, an even number if they are more than one, and of as few pixels as that allows. */
EK_AMX_INLINE void ek_convolve_amx(const ek_plane plane, const int form) {
  const int32_t pixels = plane.row.pixels, pairs = (pixels + 2 * EK_TILE_ROWS - 1) / (2 * EK_TILE_ROWS);
  const int32_t rows = pixels <= EK_TILE_ROWS ? pixels : (pixels + 2 * pairs - 1) / (2 * pairs);
  if (ek_has_tiles()) ek_shape_tiles(rows);
  if (pixels <= EK_TILE_ROWS) {
    ek_convolve_tiles(plane, rows, 1, form);
  } else {
    ek_convolve_tiles(plane, rows, 2, form);
  }
  if (ek_has_tiles()) _tile_release();
}

#endif
