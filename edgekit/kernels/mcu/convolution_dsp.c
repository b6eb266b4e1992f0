/*
 * Convolution for cores with DSP instructions, three pixels and two channels at a time.
 *
 * The windows of three pixels are widened once into a patch of int16 pairs, interleaved: a load of three words feeds
 * all three. A word of weights holds two taps of two channels: its halves are weights of the even channel plus 256
 * times those of the odd one. Products with the halves as they are add to X = even + 256 * odd, products with their low
 * bytes alone to the even channel's sum, and the odd one's is (X - even) / 256. So one SXTB16 serves four weights.
 *
 * All sums wrap, and that is exact as long as the odd channel's is within 23 bits and its sign; biases are added after.
 * The last pixels of an image and the last channel of an odd number take whole tiles: pixels past the end are stored
 * first, to where what is right goes afterwards, and the last two channels overlap those before.
 *
 * Reads and writes: a step reads the windows of three pixels (in the order of the output, rows may change within),
 * then writes those three. What lies behind a run may be read (and is multiplied by 0), but only inside the input.
 */
#include "convolution.h"
#include "dsp_tile.h"

enum { EK_LANES = EK_TILE_PIXELS };

/* Copy, and fill, a few bytes. */
static void copy_bytes(int8_t *to, const int8_t *from, int32_t count) {
  for (; count >= 4; count -= 4, to += 4, from += 4) {
    ek_store_word(to, ek_load_word(from));
  }
  for (; count > 0; count--) {
    *to++ = *from++;
  }
}

/* A run that leaves the plane, or ends with the input: its part inside, and padding around it. */
static EK_NOINLINE const int8_t *padded_run(const ek_convolution_layer *layer, const int8_t *in, int32_t y, int32_t x,
                                            int8_t *run) {
  const uint32_t padding = (uint32_t)(uint8_t)layer->pad_value * 0x01010101u;
  for (int32_t i = 0; i < layer->run_words; i++) {
    ek_store_word(run + 4 * i, padding);
  }
  const int32_t begin = x < 0 ? -x : 0;
  const int32_t end = x + layer->run_taps > layer->width ? layer->width - x : layer->run_taps;
  if (y >= 0 && y < layer->height && begin < end) {
    const int32_t bytes = layer->pixel_bytes;
    copy_bytes(run + begin * bytes, in + (y * layer->width + x + begin) * bytes, (end - begin) * bytes);
  }
  return run;
}

/* Widen the window whose first tap is at (y, x) into a lane of the patch. */
static EK_NOINLINE void gather_pixel(const ek_convolution_layer *layer, const int8_t *in, int32_t y, int32_t x,
                                     uint32_t *lane, int8_t *run) {
  const int32_t width = layer->width, taps = layer->run_taps, bytes = layer->pixel_bytes;
  const int32_t last_run = layer->height * width * bytes - 4 * layer->run_words; /* that ends inside the input */
  for (int32_t row = layer->kernel_h; row > 0; row--, y += layer->dilation_h) {
    int32_t column = x;
    for (int32_t i = layer->runs; i > 0; i--, column += layer->dilation_w) {
      const int32_t offset = (y * width + column) * bytes;
      const int is_inside = y >= 0 && y < layer->height && column >= 0 && column + taps <= width && offset <= last_run;
      const int8_t *from = is_inside ? in + offset : padded_run(layer, in, y, column, run);
      for (int32_t word = layer->run_words; word > 0; word--, from += 4, lane += 2 * EK_LANES) {
        const uint32_t four = ek_load_word(from);
        lane[0] = ek_sxtb16(four);
        lane[EK_LANES] = ek_sxtb16_ror8(four);
      }
    }
  }
}

/* Widen the windows of three neighbouring pixels that are inside the plane. */
EK_INLINE void gather_three(const ek_convolution_layer *layer, const int8_t *first, int32_t step, uint32_t *patch) {
  const int32_t next_row = layer->dilation_h * layer->width * layer->pixel_bytes;
  const int32_t next_run = layer->dilation_w * layer->pixel_bytes;
  for (int32_t row = layer->kernel_h; row > 0; row--, first += next_row) {
    const int8_t *from = first;
    for (int32_t i = layer->runs; i > 0; i--, from += next_run) {
      patch = ek_widen_three(patch, from, step, layer->run_words);
    }
  }
}

/* All channels of the pixels in the patch, from `tiles->out` on. */
static void multiply(const ek_convolution_layer *layer, ek_tiles *tiles, const int32_t *weights) {
  const int32_t channels = layer->out_channels, words = layer->words;
  tiles->weights = weights;
  tiles->end = tiles->out + (channels & ~1);
  ek_multiply_tiles(tiles, words);
  if (channels & 1) { /* the last two overlap those before */
    tiles->out--;
    tiles->end++;
    ek_multiply_tiles(tiles, words);
  }
}

/* Blocks of three neighbouring pixels inside the plane. */
static void inner_blocks(const ek_convolution_layer *layer, const int8_t *in, const int32_t *weights, ek_tiles *tiles,
                         int32_t blocks) {
  const int32_t step = layer->stride_w * layer->pixel_bytes;
  for (; blocks > 0; blocks--, in += EK_LANES * step) {
    gather_three(layer, in, step, tiles->patch);
    multiply(layer, tiles, weights);
    tiles->out += 2 * layer->out_channels;
  }
}

/* One image. */
static void convolve(const ek_convolution_layer *layer, const int8_t *in, const int32_t *weights, ek_tiles *tiles,
                     int8_t *run) {
  const int32_t channels = layer->out_channels;
  int32_t column = 0, row = 0;
  tiles->second = channels;
  tiles->third = 2 * channels;
  while (row < layer->out_height) {
    int32_t y = row * layer->stride_h - layer->pad_top, x = column * layer->stride_w - layer->pad_left;
    const int32_t blocks = (layer->inner_right - column) / EK_LANES;
    if (blocks > 0 && column >= layer->inner_left && row >= layer->inner_top && row < layer->inner_bottom) {
      inner_blocks(layer, in + (y * layer->width + x) * layer->pixel_bytes, weights, tiles, blocks);
      column += EK_LANES * blocks;
    } else {
      int32_t lane = 0;
      for (; lane < EK_LANES && row < layer->out_height; lane++) {
        gather_pixel(layer, in, y, x, tiles->patch + lane, run);
        column++, x += layer->stride_w;
        if (column == layer->out_width) {
          column = 0, x = -layer->pad_left;
          row++, y += layer->stride_h;
        }
      }
      if (lane < EK_LANES) {
        tiles->third = 0;
        tiles->second = lane > 1 ? channels : 0;
      }
      multiply(layer, tiles, weights);
      tiles->out += (lane - 1) * channels;
    }
    if (column == layer->out_width) {
      column = 0;
      row++;
    }
  }
}

void ek_convolution_dsp(const ek_convolution_layer *layer, const int8_t *in, const int32_t *weights, int8_t *out,
                        void *scratch) {
  uint32_t *const patch = scratch;
  uint32_t *const behind = patch + 2 * EK_LANES * layer->words;
#if EK_HAS_DSP
  ek_tiles *const tiles = (ek_tiles *)behind;
#else
  ek_tiles elsewhere, *const tiles = &elsewhere; /* pointers may be wider than there is room for */
#endif
  int8_t *const run = (int8_t *)(behind + EK_TILES_WORDS);
  *tiles = (ek_tiles){.patch = patch, .out = out};
  for (int32_t image = layer->images; image > 0; image--) {
    convolve(layer, in, weights, tiles, run);
    in += layer->height * layer->width * layer->pixel_bytes;
  }
  ek_clamp(out, tiles->out, layer->low, layer->high);
}
