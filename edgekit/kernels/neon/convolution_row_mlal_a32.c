/* The instances of convolution_row_mlal_a32.h that schedules call, by the form of the scaling. */
#include "row.h"

#ifndef __aarch64__
#include "convolution_row_mlal_a32.h"

#define EK_ROW_TARGET EK_NEON

EK_ROW_FUNCTION(ek_convolution_row_mlal_relu, ek_convolve_mlal(&row, EK_RELU))
EK_ROW_FUNCTION(ek_convolution_row_mlal_linear, ek_convolve_mlal(&row, EK_LINEAR))
EK_ROW_FUNCTION(ek_convolution_row_mlal_relu_wide, ek_convolve_mlal(&row, EK_RELU | EK_WIDE))
EK_ROW_FUNCTION(ek_convolution_row_mlal_linear_wide, ek_convolve_mlal(&row, EK_LINEAR | EK_WIDE))
EK_ROW_FUNCTION(ek_convolution_row_mlal_general, ek_convolve_mlal(&row, EK_GENERAL | EK_WIDE))

#endif
