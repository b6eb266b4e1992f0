/* The instances of convolution_row_dot.h that schedules call: pixels a tile, channels a tile, left shifts or none. */
#include "convolution_row_dot.h"

#define EK_ROW_TARGET __attribute__((target("dotprod")))

#define EK_BOTH(pixels, channels, quads)                                                                     \
  EK_ROW_FUNCTION(ek_convolution_row_dot_##pixels##x##channels, ek_convolve_dot(&row, pixels, quads, 0)) \
  EK_ROW_FUNCTION(ek_convolution_row_dot_##pixels##x##channels##_general,                             \
                         ek_convolve_dot(&row, pixels, quads, 1))

EK_BOTH(1, 8, 2)
EK_BOTH(2, 8, 2)
EK_BOTH(3, 8, 2)
EK_BOTH(4, 8, 2)
EK_BOTH(1, 16, 4)
EK_BOTH(2, 16, 4)
EK_BOTH(3, 16, 4)
EK_BOTH(4, 16, 4)
