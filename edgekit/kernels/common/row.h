/* The operands of kernels that compute a row of convolution output, and what all of them need. */
#ifndef EDGEKIT_COMMON_ROW_H
#define EDGEKIT_COMMON_ROW_H

#include <stdint.h>

/* Before a loop with constant bounds: what it indexes can live in registers only once the loop is gone. */
#define EK_UNROLL _Pragma("clang loop unroll(full)")

/*
 * Hides from the compiler where an address or offset comes from. Otherwise it would turn sums of strides into a
 * dozen pointers, each of them advanced in the inner loop.
 */
#define EK_OPAQUE(value) __asm__("" : "+r"(value))

/*
 * The operands of one row. What a pixel reads is `segments` runs of bytes, `segment_stride` apart: the rows
 * of the filter. How long a run is, each kernel counts in units of its own. Up to 15 bytes after the last
 * run are read and do not count, since the weights there are 0.
 */
typedef struct ek_row {
  const int8_t *x; /* first byte that the first pixel reads */
  const int8_t *weights;
  const int32_t *bias; /* one per channel, padded to whole blocks; so are the next two */
  const int32_t *multiplier;
  const int32_t *shift; /* > 0: left */
  int8_t *out;          /* [pixels][channels] */
  int32_t pixels;       /* at least PIXELS */
  int32_t pixel_stride; /* bytes between what neighbouring pixels read */
  int32_t segments;
  int32_t segment_stride;
  int32_t run; /* how long a run is */
  int32_t channels;
  int32_t zero_point;
  int32_t low;
  int32_t high;
} ek_row;

/* The parameters that schedules pass, in their order. */
#define EK_ROW_PARAMETERS                                                                                    \
  const int8_t *x, const int8_t *weights, const int32_t *bias, const int32_t *multiplier,                    \
      const int32_t *shift, int8_t *out, int32_t pixels, int32_t pixel_stride, int32_t segments,             \
      int32_t segment_stride, int32_t run, int32_t channels, int32_t zero_point, int32_t low, int32_t high

/* Define a function, with the attributes of EK_ROW_TARGET, that makes an ek_row of its parameters and runs `body`. */
#define EK_ROW_FUNCTION(name, body)                                                                          \
  void name(EK_ROW_PARAMETERS);                                                                              \
  EK_ROW_TARGET void name(EK_ROW_PARAMETERS) {                                                               \
    const ek_row row = {x,        weights,        bias, multiplier, shift,      out, pixels, pixel_stride,   \
                        segments, segment_stride, run,  channels,   zero_point, low, high};                  \
    body;                                                                                                    \
  }

#endif
