/* Depthwise convolution by kernels that all layers share: what a layer is, and the functions. */
#ifndef EK_DEPTHWISE_H
#define EK_DEPTHWISE_H

#include <stdint.h>

#include "requantize.h"

/* A layer. Windows move over [images][height][width][channels] bytes. */
typedef struct ek_depthwise_layer {
  int16_t images;
  int16_t height;
  int16_t width;
  int16_t channels; /* at least 4 */
  int16_t out_height;
  int16_t out_width;
  int16_t kernel_h;
  int16_t steps;     /* a row of the filter has 2 steps + 1 taps, of which some may be 0 */
  int16_t row_words; /* of a widened row: pairs of columns, padding and what tiles read past it included */
  int16_t stride;    /* 1 or 2 */
  int16_t pad_top;
  int16_t pad_left;
  int16_t pad_value;
  int8_t low; /* of the output: the activation's clamp */
  int8_t high;
} ek_depthwise_layer;

/* 3x3 windows, padded by one column or none: see depthwise_3x3.c. `weights` has three words for each channel. */
void ek_depthwise_3x3(const ek_depthwise_layer *layer, const int8_t *in, const int32_t *weights, const int32_t *channels,
                      int8_t *out, void *scratch);

/* See depthwise_planes.c. `weights` has kernel_h * steps words for each channel, `channels` four (ek_channel). */
void ek_depthwise_planes(const ek_depthwise_layer *layer, const int8_t *in, const int32_t *weights,
                         const int32_t *channels, int8_t *out, void *scratch);

/* A layer of ek_depthwise_direct, whose windows stay inside the input. */
typedef struct ek_depthwise_direct_layer {
  int32_t images;
  int32_t image_bytes;
  int32_t channels; /* at least 4 */
  int32_t out_height;
  int32_t out_width;
  int32_t kernel_h;
  int32_t kernel_w;
  int32_t window_row_step; /* bytes from a row of the output's windows to the next */
  int32_t window_step;     /* from a window to the next */
  int32_t tap_row_step;    /* from a row of taps to the next */
  int32_t tap_step;        /* from a tap to the next */
  int8_t low;              /* of the output: the activation's clamp */
  int8_t high;
} ek_depthwise_direct_layer;

/* See depthwise_direct.c. `weights` has two words for each two taps of a row of four channels. */
void ek_depthwise_direct(const ek_depthwise_direct_layer *layer, const int8_t *in, const int32_t *weights,
                         const int32_t *channels, int8_t *out);

/* A layer of ek_depthwise_plain, ek_depthwise_any and ek_depthwise_mve. */
typedef struct ek_depthwise_window_layer {
  int16_t images;
  int16_t height;
  int16_t width;
  int16_t channels; /* for MVE at least 8 */
  int16_t filters;  /* of each channel; for MVE 1 */
  int16_t out_height;
  int16_t out_width;
  int16_t kernel_h;
  int16_t kernel_w;
  int16_t stride_h;
  int16_t stride_w;
  int16_t dilation_h;
  int16_t dilation_w;
  int16_t pad_top;
  int16_t pad_left;
  int16_t pad_value;
  int16_t zero_point;
  int16_t low; /* of the output */
  int16_t high;
} ek_depthwise_window_layer;

/* For any core: see depthwise_plain.c. `channels` has four words (ek_channel) for each filter. */
void ek_depthwise_plain(const ek_depthwise_window_layer *layer, const int8_t *in, const int8_t *weights,
                        const int32_t *channels, int8_t *out, void *scratch);

/* The same for any factors: `channels` has three words for each filter, as in scale_any.h. */
void ek_depthwise_any(const ek_depthwise_window_layer *layer, const int8_t *in, const int8_t *weights,
                      const int32_t *channels, int8_t *out, void *scratch);

/*
 * See depthwise_mve.c. `weights` has eight bytes for each tap of eight channels; `scales` for these the biases, then the
 * multipliers, then the shifts (below 0: to the right), each of the even channels first.
 */
void ek_depthwise_mve(const ek_depthwise_window_layer *layer, const int8_t *in, const int32_t *weights,
                      const int32_t *scales, int8_t *out, void *scratch);

#endif
