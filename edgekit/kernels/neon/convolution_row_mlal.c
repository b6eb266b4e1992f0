/* The instances of convolution_row_mlal.h that schedules call: pixels a tile, and the form of the scaling. */
#include "convolution_row_mlal.h"

#define EK_ROW_TARGET EK_NEON

#define EK_FORMS(pixels)                                                                                     \
  EK_ROW_FUNCTION(ek_convolution_row_mlal_##pixels##_relu, ek_convolve_mlal(&row, pixels, EK_RELU))          \
  EK_ROW_FUNCTION(ek_convolution_row_mlal_##pixels##_linear, ek_convolve_mlal(&row, pixels, EK_LINEAR))      \
  EK_ROW_FUNCTION(ek_convolution_row_mlal_##pixels##_general, ek_convolve_mlal(&row, pixels, EK_GENERAL))

EK_FORMS(1)
EK_FORMS(2)
EK_FORMS(3)
EK_FORMS(4)
