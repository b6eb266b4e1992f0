/* Reductions by kernels that all layers share: what a layer is, and the functions. Channels are at least four. */
#ifndef EK_POOLING_H
#define EK_POOLING_H

#include <stdint.h>

/* Windows move over [images][height][width][channels] bytes; what of them is outside the plane does not count. */
typedef struct ek_pooling_layer {
  int16_t images;
  int16_t height;
  int16_t width;
  int16_t channels;
  int16_t out_height;
  int16_t out_width;
  int16_t kernel_h;
  int16_t kernel_w;
  int16_t stride_h;
  int16_t stride_w;
  int16_t pad_top;
  int16_t pad_left;
  int8_t low; /* of the output: the activation's clamp */
  int8_t high;
} ek_pooling_layer;

/* For cores with DSP instructions: see max_pool.c and average_pool.c. */
void ek_max_pool(const ek_pooling_layer *layer, const int8_t *in, int8_t *out);
void ek_average_pool(const ek_pooling_layer *layer, const int8_t *in, int8_t *out);

/* For any core: see pooling_plain.c. */
void ek_max_pool_plain(const ek_pooling_layer *layer, const int8_t *in, int8_t *out);
void ek_average_pool_plain(const ek_pooling_layer *layer, const int8_t *in, int8_t *out);

/* The sum of `count` bytes of each channel, less `offset`, scaled as ek_scale does it (requantize.h). */
typedef struct ek_mean_layer {
  int32_t count;
  int32_t channels;
  int32_t offset;
  int32_t multiplier;
  int32_t rounding;
  int32_t right;
} ek_mean_layer;

/* For cores with DSP instructions, and for any. */
void ek_mean(const ek_mean_layer *layer, const int8_t *in, int8_t *out);
void ek_mean_plain(const ek_mean_layer *layer, const int8_t *in, int8_t *out);

#endif
