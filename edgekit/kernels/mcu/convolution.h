/* Convolution by kernels that all layers share: what a layer is, and the functions. */
#ifndef EK_CONVOLUTION_H
#define EK_CONVOLUTION_H

#include <stdint.h>

/*
 * A layer. Windows move over [images][height][width][channels] bytes. What a window reads are runs of bytes that lie side
 * by side: a row of the filter, or a tap of it where the filter is dilated horizontally.
 */
typedef struct ek_convolution_layer {
  int32_t width;
  int32_t out_width;
  int32_t inner_left;  /* the first column of the output whose windows are inside the plane, */
  int32_t inner_right; /* and the first one after that whose are not, or whose last words might end behind it */
  int16_t images;
  int16_t height;
  int16_t out_height;
  int16_t inner_top; /* likewise of rows */
  int16_t inner_bottom;
  int16_t out_channels;
  int16_t pixel_bytes; /* channels of the input */
  int16_t kernel_h;
  int16_t runs;      /* of a row of the filter */
  int16_t run_taps;  /* pixels in a run */
  int16_t run_words; /* what a run takes, in words of four bytes */
  int16_t words;     /* of a whole window */
  int8_t is_direct; /* what a window reads lies side by side */
  int8_t stride_h;
  int8_t stride_w;
  int8_t dilation_h;
  int8_t dilation_w;
  int8_t pad_top;
  int8_t pad_left;
  int8_t pad_value;
  int8_t zero_point; /* of the output */
  int8_t low; /* of the output: the activation's clamp */
  int8_t high;
} ek_convolution_layer;

/* For any core: see convolution_plain.c. The channels are [channel][3], as in scale_any.h. */
void ek_convolution_plain(const ek_convolution_layer *layer, const int8_t *in, const int8_t *weights,
                          const int32_t *channels, int8_t *out, void *scratch);

/* For cores with DSP instructions; see convolution_dsp.c. */
void ek_convolution_dsp(const ek_convolution_layer *layer, const int8_t *in, const int32_t *weights, int8_t *out,
                        void *scratch);

/* For cores with MVE; see convolution_mve.c. */
void ek_convolution_mve(const ek_convolution_layer *layer, const int8_t *in, const int32_t *weights, int8_t *out,
                        void *scratch);

#endif
