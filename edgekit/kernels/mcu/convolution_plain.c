/*
 * Convolution in plain C, two pixels and two channels at a time: for cores without DSP instructions, which may not load
 * words from any address, and for layers that other kernels cannot scale.
 *
 * What the windows of two pixels read is gathered into rows of bytes; or read where it is, if that is side by side.
 * Weights are [pair of channels][tap][2]; what fills up the last pair is 0.
 *
 * Reads and writes: a step reads the windows of two pixels (in the order of the output, rows may change within), then
 * writes those two; where they are not gathered it reads them anew for each two channels. A pixel past the end of the
 * image is the one before again.
 */
#include "convolution.h"
#include "scale_any.h"

enum { EK_PIXELS = 2 };

/* Gather the window whose first tap is at (y, x). */
static EK_NOINLINE void gather(const ek_convolution_layer *layer, const int8_t *in, int32_t y, int32_t x, int8_t *to) {
  const int32_t bytes = layer->pixel_bytes;
  for (int32_t row = layer->kernel_h; row > 0; row--, y += layer->dilation_h) {
    int32_t column = x;
    for (int32_t run = layer->runs; run > 0; run--, column += layer->dilation_w) {
      for (int32_t tap = column; tap < column + layer->run_taps; tap++) {
        const int32_t is_inside = y >= 0 && y < layer->height && tap >= 0 && tap < layer->width;
        const int8_t *from = in + (y * layer->width + tap) * bytes;
        for (int32_t i = 0; i < bytes; i++) {
          *to++ = is_inside ? from[i] : layer->pad_value;
        }
      }
    }
  }
}

/* All channels of two pixels. */
static void multiply(const ek_convolution_layer *layer, const int8_t *const *pixels, int32_t taps, const int8_t *weights,
                     const ek_any_channel *channels, int8_t *out, int32_t second) {
  const int32_t zero_point = layer->zero_point, low = layer->low, high = layer->high;
  for (int32_t left = layer->out_channels; left > 0; left -= 2, channels += 2, out += 2) {
    const int8_t *a = pixels[0], *b = pixels[1];
    const int8_t *const end = a + taps;
    int32_t a0 = 0, a1 = 0, b0 = 0, b1 = 0;
#define EK_TAP                          \
  do {                                  \
    const int32_t w0 = weights[0];      \
    const int32_t w1 = weights[1];      \
    weights += 2;                       \
    a0 += *a * w0, a1 += *a++ * w1;     \
    b0 += *b * w0, b1 += *b++ * w1;     \
  } while (0)
    for (const int8_t *const fours = a + (taps & ~3); a != fours;) {
      EK_TAP;
      EK_TAP;
      EK_TAP;
      EK_TAP;
    }
    while (a != end) {
      EK_TAP;
    }
#undef EK_TAP
    if (left > 1) {
      out[second + 1] = ek_scale_any(b1, channels + 1, zero_point, low, high);
      out[1] = ek_scale_any(a1, channels + 1, zero_point, low, high);
    }
    out[second] = ek_scale_any(b0, channels, zero_point, low, high);
    out[0] = ek_scale_any(a0, channels, zero_point, low, high);
  }
}

void ek_convolution_plain(const ek_convolution_layer *layer, const int8_t *in, const int8_t *weights,
                          const int32_t *channels, int8_t *out, void *scratch) {
  const int32_t taps = layer->kernel_h * layer->runs * layer->run_taps * layer->pixel_bytes;
  for (int32_t image = layer->images; image > 0; image--, in += layer->height * layer->width * layer->pixel_bytes) {
    int32_t column = 0, y = -layer->pad_top, x = -layer->pad_left;
    for (int32_t left = layer->out_height * layer->out_width; left > 0; left -= EK_PIXELS) {
      const int8_t *pixels[EK_PIXELS] = {in, in};
      for (int32_t lane = 0; lane < EK_PIXELS; lane++) {
        if (lane < left) {
          int8_t *const gathered = (int8_t *)scratch + lane * taps;
          if (layer->is_direct) {
            pixels[lane] = in + (y * layer->width + x) * layer->pixel_bytes;
          } else {
            gather(layer, in, y, x, gathered);
            pixels[lane] = gathered;
          }
          column++, x += layer->stride_w;
          if (column == layer->out_width) {
            column = 0, x = -layer->pad_left, y += layer->stride_h;
          }
        } else {
          pixels[lane] = pixels[0];
        }
      }
      const int32_t second = left > 1 ? layer->out_channels : 0;
      multiply(layer, pixels, taps, weights, (const ek_any_channel *)channels, out, second);
      out += layer->out_channels + second;
    }
  }
}
