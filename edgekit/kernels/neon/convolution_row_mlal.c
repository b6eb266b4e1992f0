/* The instances of convolution_row_mlal.h that schedules call: pixels a tile, with and without left shifts. */
#include "convolution_row_mlal.h"

#define EK_ROW_TARGET

EK_ROW_FUNCTION(ek_convolution_row_mlal_1, ek_convolve_mlal(&row, 1, 0))
EK_ROW_FUNCTION(ek_convolution_row_mlal_2, ek_convolve_mlal(&row, 2, 0))
EK_ROW_FUNCTION(ek_convolution_row_mlal_3, ek_convolve_mlal(&row, 3, 0))
EK_ROW_FUNCTION(ek_convolution_row_mlal_4, ek_convolve_mlal(&row, 4, 0))
EK_ROW_FUNCTION(ek_convolution_row_mlal_1_general, ek_convolve_mlal(&row, 1, 1))
EK_ROW_FUNCTION(ek_convolution_row_mlal_2_general, ek_convolve_mlal(&row, 2, 1))
EK_ROW_FUNCTION(ek_convolution_row_mlal_3_general, ek_convolve_mlal(&row, 3, 1))
EK_ROW_FUNCTION(ek_convolution_row_mlal_4_general, ek_convolve_mlal(&row, 4, 1))
