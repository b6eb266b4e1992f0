/*
 * Convolution for cores with MVE, three pixels and two channels at a time.
 *
 * What the windows of three pixels read is gathered into rows of bytes; or read where it is, if that is side by side.
 * All sums of the three pixels are kept until they are scaled, four channels at a time.
 *
 * Reads and writes: a step reads the windows of three pixels (in the order of the output, rows may change within),
 * then writes those three. Pixels past the end of the image are the first one again.
 */
#include "convolution.h"
#include "mve_tile.h"

/* Gather the window whose first tap is at `from`, all of it inside the plane. */
static EK_NOINLINE void gather_inner(const ek_convolution_layer *layer, const int8_t *from, int8_t *to) {
  const int32_t run_bytes = layer->run_taps * layer->pixel_bytes, next_run = layer->dilation_w * layer->pixel_bytes;
  const int32_t next_row = layer->dilation_h * layer->width * layer->pixel_bytes;
  for (int32_t row = layer->kernel_h; row > 0; row--, from += next_row) {
    const int8_t *run = from;
    for (int32_t i = layer->runs; i > 0; i--, run += next_run, to += run_bytes) {
      ek_copy(to, run, run_bytes);
    }
  }
}

/* Gather the window whose first tap is at (y, x). */
static EK_NOINLINE void gather(const ek_convolution_layer *layer, const int8_t *in, int32_t y, int32_t x, int8_t *to) {
  const int32_t width = layer->width, bytes = layer->pixel_bytes, run_bytes = layer->run_taps * bytes;
  for (int32_t row = layer->kernel_h; row > 0; row--, y += layer->dilation_h) {
    int32_t column = x;
    for (int32_t i = layer->runs; i > 0; i--, column += layer->dilation_w, to += run_bytes) {
      const int32_t begin = column < 0 ? -column : 0;
      const int32_t end = column + layer->run_taps > width ? width - column : layer->run_taps;
      const int32_t is_inside = y >= 0 && y < layer->height && begin < end;
      if (!is_inside || end - begin < layer->run_taps) {
        ek_fill(to, layer->pad_value, run_bytes);
      }
      if (is_inside) {
        ek_copy(to + begin * bytes, in + (y * width + column + begin) * bytes, (end - begin) * bytes);
      }
    }
  }
}

/* Blocks of three neighbouring pixels, all inside the plane. */
static void inner_blocks(const ek_convolution_layer *layer, const int8_t *in, ek_lanes *lanes, int8_t *patch,
                         int32_t blocks) {
  const int32_t step = layer->stride_w * layer->pixel_bytes, room = 4 * layer->words, is_direct = layer->is_direct;
  const int32_t channels = layer->out_channels;
  int8_t *out = lanes->outs[0];
  for (; blocks > 0; blocks--) {
    for (int32_t lane = 0; lane < EK_LANES; lane++, in += step, out += channels) {
      lanes->pixels[lane] = is_direct ? in : patch + lane * room;
      lanes->outs[lane] = out;
      if (!is_direct) {
        gather_inner(layer, in, patch + lane * room);
      }
    }
    ek_multiply_lanes(lanes);
  }
  lanes->outs[0] = out;
}

/* One image. */
static void convolve(const ek_convolution_layer *layer, const int8_t *in, ek_lanes *lanes, int8_t *patch) {
  const int32_t channels = layer->out_channels;
  int32_t column = 0, row = 0;
  while (row < layer->out_height) {
    int32_t y = row * layer->stride_h - layer->pad_top, x = column * layer->stride_w - layer->pad_left;
    const int32_t blocks = (layer->inner_right - column) / EK_LANES;
    if (blocks > 0 && column >= layer->inner_left && row >= layer->inner_top && row < layer->inner_bottom) {
      inner_blocks(layer, in + (y * layer->width + x) * layer->pixel_bytes, lanes, patch, blocks);
      column += EK_LANES * blocks;
    } else {
      int8_t *out = lanes->outs[0];
      for (int32_t lane = 0; lane < EK_LANES; lane++) {
        lanes->pixels[lane] = lanes->pixels[0];
        lanes->outs[lane] = lanes->outs[0];
        if (row < layer->out_height) {
          int8_t *const gathered = patch + lane * layer->words * 4;
          lanes->pixels[lane] = layer->is_direct ? in + (y * layer->width + x) * layer->pixel_bytes : gathered;
          lanes->outs[lane] = out;
          if (!layer->is_direct) {
            gather(layer, in, y, x, gathered);
          }
          out += channels;
          column++, x += layer->stride_w;
          if (column == layer->out_width) {
            column = 0, x = -layer->pad_left;
            row++, y += layer->stride_h;
          }
        }
      }
      ek_multiply_lanes(lanes);
      lanes->outs[0] = out;
    }
    if (column == layer->out_width) {
      column = 0;
      row++;
    }
  }
}

void ek_convolution_mve(const ek_convolution_layer *layer, const int8_t *in, const int32_t *weights, int8_t *out,
                        void *scratch) {
  const int32_t pairs = (layer->out_channels + 1) / 2;
  const int32_t taps = layer->kernel_h * layer->runs * layer->run_taps * layer->pixel_bytes;
  ek_lanes lanes = {
      .taps = taps,
      .weights = weights,
      .sums = scratch,
      .scales = weights + pairs * (2 + (taps + 15) / 16 * 8),
      .outs = {out},
      .channels = layer->out_channels,
      .zero_point = layer->zero_point,
  };
  for (int32_t image = layer->images; image > 0; image--) {
    convolve(layer, in, &lanes, (int8_t *)(lanes.sums + 2 * EK_LANES * pairs));
    in += layer->height * layer->width * layer->pixel_bytes;
  }
  ek_clamp(out, lanes.outs[0], layer->low, layer->high);
}
