/* The instances of convolution_row.h that schedules call: 1 to 4 pixels a tile, with and without left shifts. */
#include "convolution_row.h"

#define EK_INSTANCE(name, tile_pixels, general)                                                             \
  void name(const int8_t *x, const int8_t *weights, const int32_t *bias, const int32_t *multiplier,         \
            const int32_t *shift, int8_t *out, int32_t pixels, int32_t pixel_stride, int32_t segments,      \
            int32_t segment_stride, int32_t chunks, int32_t channels, int32_t zero_point, int32_t low,      \
            int32_t high);                                                                                  \
  void name(const int8_t *x, const int8_t *weights, const int32_t *bias, const int32_t *multiplier,         \
            const int32_t *shift, int8_t *out, int32_t pixels, int32_t pixel_stride, int32_t segments,      \
            int32_t segment_stride, int32_t chunks, int32_t channels, int32_t zero_point, int32_t low,      \
            int32_t high) {                                                                                 \
    const ek_row row = {x,        weights,        bias,   multiplier, shift,      out, pixels, pixel_stride, \
                        segments, segment_stride, chunks, channels,   zero_point, low, high};               \
    ek_convolve(&row, tile_pixels, general);                                                                \
  }

EK_INSTANCE(ek_convolution_row_1, 1, 0)
EK_INSTANCE(ek_convolution_row_2, 2, 0)
EK_INSTANCE(ek_convolution_row_3, 3, 0)
EK_INSTANCE(ek_convolution_row_4, 4, 0)
EK_INSTANCE(ek_convolution_row_1_general, 1, 1)
EK_INSTANCE(ek_convolution_row_2_general, 2, 1)
EK_INSTANCE(ek_convolution_row_3_general, 3, 1)
EK_INSTANCE(ek_convolution_row_4_general, 4, 1)
