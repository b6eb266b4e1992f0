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
} ek_depthwise_layer;

/* 3x3 windows, padded by one column or none: see depthwise_3x3.c. `weights` has three words for each channel. */
void ek_depthwise_3x3(const ek_depthwise_layer *layer, const int8_t *in, const int32_t *weights, const int32_t *channels,
                      int8_t *out, void *scratch);

/* See depthwise_planes.c. `weights` has kernel_h * steps words for each channel, `channels` four (ek_channel). */
void ek_depthwise_planes(const ek_depthwise_layer *layer, const int8_t *in, const int32_t *weights,
                         const int32_t *channels, int8_t *out, void *scratch);

#endif
