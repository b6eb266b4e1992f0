/* The operands of kernels that compute rows of depthwise convolution output. */
#ifndef EDGEKIT_COMMON_DEPTHWISE_ROW_H
#define EDGEKIT_COMMON_DEPTHWISE_ROW_H

#include "row.h"

/* The operands of some rows. A few bytes after what the last pixel reads may be read; they do not count. */
typedef struct ek_depthwise_row {
  const int8_t *x; /* first byte that the first pixel reads */
  const int8_t *weights;
  const int32_t *bias; /* one per channel, padded as a kernel says; so are the next two */
  const int32_t *multiplier;
  const int32_t *shift; /* > 0: left */
  int8_t *out;          /* [rows][pixels][channels] */
  int32_t rows;
  int32_t next_row;     /* bytes between what neighbouring rows of output read */
  int32_t pixels;       /* in a row */
  int32_t pixel_stride; /* bytes between what neighbouring pixels read */
  int32_t tap_stride;   /* bytes between columns of the filter */
  int32_t row_stride;   /* bytes between rows of the filter */
  int32_t kernel_h;
  int32_t kernel_w;
  int32_t channels;
  int32_t zero_point;
  int32_t low;
  int32_t high;
} ek_depthwise_row;

/* The parameters that schedules pass, in their order. */
#define EK_DEPTHWISE_PARAMETERS                                                                              \
  const int8_t *x, const int8_t *weights, const int32_t *bias, const int32_t *multiplier,                    \
      const int32_t *shift, int8_t *out, int32_t rows, int32_t next_row, int32_t pixels,                     \
      int32_t pixel_stride, int32_t tap_stride, int32_t row_stride, int32_t kernel_h, int32_t kernel_w,      \
      int32_t channels, int32_t zero_point, int32_t low, int32_t high

/* Define a function, with the attributes of EK_ROW_TARGET, that makes an ek_depthwise_row and runs `body`. */
#define EK_DEPTHWISE_FUNCTION(name, body)                                                                    \
  void name(EK_DEPTHWISE_PARAMETERS);                                                                        \
  EK_ROW_TARGET void name(EK_DEPTHWISE_PARAMETERS) {                                                         \
    const ek_depthwise_row row = {x,        weights,  bias,     multiplier,   shift,      out,               \
                                  rows,     next_row, pixels,   pixel_stride, tap_stride, row_stride,        \
                                  kernel_h, kernel_w, channels, zero_point,   low,        high};             \
    body;                                                                                                    \
  }

#endif
