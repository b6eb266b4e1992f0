/* The instances of convolution_row_amx.h that schedules call: forms of scaling. */
#define _DEFAULT_SOURCE /* syscall */
#include "convolution_row_amx.h"

#define EK_ROW_TARGET __attribute__((EK_AMX_TARGET))
#define EK_ALL(row) ((ek_plane){row, row.pixels, row.pixels, 0, row.channels})

/* Rows of pixels that are all output. */
EK_ROW_FUNCTION(ek_convolution_row_amx_relu, ek_convolve_amx(EK_ALL(row), EK_RELU))
EK_ROW_FUNCTION(ek_convolution_row_amx_linear, ek_convolve_amx(EK_ALL(row), EK_LINEAR))
EK_ROW_FUNCTION(ek_convolution_row_amx_general, ek_convolve_amx(EK_ALL(row), EK_GENERAL))

/* Planes: only the first `out_width` pixels of each row are output, and of these the channels from `begin` to `end`. */
#define EK_PLANE_FUNCTION(name, form)                                                                        \
  void name(EK_ROW_PARAMETERS, int32_t width, int32_t out_width, int32_t begin, int32_t end);                \
  EK_ROW_TARGET void name(EK_ROW_PARAMETERS, int32_t width, int32_t out_width, int32_t begin, int32_t end) { \
    const ek_row row = {x,        weights,        bias, multiplier, shift,      out, pixels, pixel_stride,   \
                        segments, segment_stride, run,  channels,   zero_point, low, high};                  \
    ek_convolve_amx((ek_plane){row, width, out_width, begin, end}, form);                                    \
  }

EK_PLANE_FUNCTION(ek_convolution_plane_amx_relu, EK_RELU)
EK_PLANE_FUNCTION(ek_convolution_plane_amx_linear, EK_LINEAR)
EK_PLANE_FUNCTION(ek_convolution_plane_amx_general, EK_GENERAL)
