/* The operands of kernels that compute rows of depthwise convolution output on x86. */
#ifndef EDGEKIT_X86_DEPTHWISE_H
#define EDGEKIT_X86_DEPTHWISE_H

#include "../common/row.h"

/*
 * The operands of some rows of output. Taps outside of the input count as `pad_value`; nothing is read there. Up to 15
 * bytes after the last channel of a pixel are read and do not count.
 */
typedef struct ek_depthwise_rows {
  const int8_t *x; /* [height][width][channels] */
  const int8_t *weights;
  const int32_t *bias; /* one per channel, padded as a kernel says; so are the next two */
  const int32_t *multiplier;
  const int32_t *shift; /* > 0: left */
  int8_t *out;          /* the first of `rows` rows [pixels][channels] */
  int32_t first_row;    /* its number, counted from the top of the whole output */
  int32_t rows;
  int32_t pixels; /* in a row */
  int32_t channels;
  int32_t height;
  int32_t width;
  int32_t kernel_h;
  int32_t kernel_w;
  int32_t stride_h;
  int32_t stride_w;
  int32_t dilation_h;
  int32_t dilation_w;
  int32_t pad_top;
  int32_t pad_left; /* of the first pixel; below 0 for one that begins inside */
  int32_t pad_value;
  int32_t zero_point;
  int32_t low;
  int32_t high;
} ek_depthwise_rows;

/* The parameters that schedules pass, in their order. */
#define EK_DEPTHWISE_PARAMETERS                                                                              \
  const int8_t *x, const int8_t *weights, const int32_t *bias, const int32_t *multiplier,                    \
      const int32_t *shift, int8_t *out, int32_t first_row, int32_t rows, int32_t pixels, int32_t channels,  \
      int32_t height, int32_t width, int32_t kernel_h, int32_t kernel_w, int32_t stride_h, int32_t stride_w, \
      int32_t dilation_h, int32_t dilation_w, int32_t pad_top, int32_t pad_left, int32_t pad_value,          \
      int32_t zero_point, int32_t low, int32_t high

/* Define a function, with the attributes of EK_ROW_TARGET, that makes ek_depthwise_rows and runs `body`. */
#define EK_DEPTHWISE_FUNCTION(name, body)                                                                    \
  void name(EK_DEPTHWISE_PARAMETERS);                                                                        \
  EK_ROW_TARGET void name(EK_DEPTHWISE_PARAMETERS) {                                                         \
    const ek_depthwise_rows load = {                                                                         \
        x,        weights,  bias,     multiplier, shift,      out,        first_row, rows,                   \
        pixels,   channels, height,   width,      kernel_h,   kernel_w,   stride_h,  stride_w,               \
        dilation_h, dilation_w, pad_top, pad_left, pad_value, zero_point, low,       high};                  \
    body;                                                                                                    \
  }

#endif
