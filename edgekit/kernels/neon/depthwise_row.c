/* The instances of depthwise_row.h that schedules call: filter and stride, and the form of the scaling. */
#include "depthwise_row.h"

#define EK_DEPTHWISE_PARAMETERS                                                                              \
  const int8_t *x, const int8_t *weights, const int32_t *bias, const int32_t *multiplier,                    \
      const int32_t *shift, int8_t *out, int32_t rows, int32_t next_row, int32_t pixels,                     \
      int32_t pixel_stride, int32_t tap_stride, int32_t row_stride, int32_t kernel_h, int32_t kernel_w,      \
      int32_t channels, int32_t zero_point, int32_t low, int32_t high

#define EK_DEPTHWISE_FUNCTION(name, stride, form)                                                            \
  void name(EK_DEPTHWISE_PARAMETERS);                                                                        \
  EK_NEON void name(EK_DEPTHWISE_PARAMETERS) {                                                               \
    const ek_depthwise_row row = {x,          weights,      bias,       multiplier, shift,    out,           \
                                  rows,       next_row,     pixels,     pixel_stride, tap_stride, row_stride, \
                                  kernel_h,   kernel_w,     channels,   zero_point, low,      high};         \
    ek_depthwise(&row, stride, form);                                                                        \
  }

#define EK_DEPTHWISE_FORMS(filter, stride)                                                                   \
  EK_DEPTHWISE_FUNCTION(ek_depthwise_row_##filter##_relu, stride, EK_RELU)                                   \
  EK_DEPTHWISE_FUNCTION(ek_depthwise_row_##filter##_linear, stride, EK_LINEAR)                               \
  EK_DEPTHWISE_FUNCTION(ek_depthwise_row_##filter##_general, stride, EK_GENERAL)

EK_DEPTHWISE_FORMS(3x3_by_1, 1)
EK_DEPTHWISE_FORMS(3x3_by_2, 2)
EK_DEPTHWISE_FORMS(any, 0)
