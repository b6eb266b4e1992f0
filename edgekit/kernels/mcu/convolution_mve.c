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

/* One image. */
static void convolve(const ek_convolution_layer *layer, const int8_t *in, ek_lanes *lanes, int8_t *patch) {
  const int32_t channels = layer->out_channels, step = layer->stride_w * layer->pixel_bytes;
  int32_t column = 0, y = -layer->pad_top, x = -layer->pad_left;
  for (int32_t left = layer->out_height * layer->out_width; left > 0; left -= EK_LANES) {
    int8_t *out = lanes->outs[0];
    for (int32_t lane = 0; lane < EK_LANES; lane++) {
      lanes->pixels[lane] = lanes->pixels[0];
      lanes->outs[lane] = out;
      if (lane < left) {
        if (layer->is_direct) {
          lanes->pixels[lane] = in + y * layer->width * layer->pixel_bytes + column * step;
        } else {
          int8_t *const gathered = patch + lane * layer->words * 4;
          gather(layer, in, y, x, gathered);
          lanes->pixels[lane] = gathered;
        }
        lanes->outs[lane] = out + lane * channels;
        column++, x += layer->stride_w;
        if (column == layer->out_width) {
          column = 0, x = -layer->pad_left, y += layer->stride_h;
        }
      }
    }
    ek_multiply_lanes(lanes);
    lanes->outs[0] = out + (left < EK_LANES ? left : EK_LANES) * channels;
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
