/* The instances of convolution_row_vnni.h that schedules call: pixels a tile, channels a tile, left shifts or none. */
#include "convolution_row_vnni.h"

#define EK_ROW_TARGET __attribute__((EK_VNNI_TARGET))

#define EK_BOTH(pixels, channels, vectors)                                                                   \
  EK_ROW_FUNCTION(ek_convolution_row_vnni_##pixels##x##channels, ek_convolve_vnni(&row, pixels, vectors, 0)) \
  EK_ROW_FUNCTION(ek_convolution_row_vnni_##pixels##x##channels##_general,                                   \
                  ek_convolve_vnni(&row, pixels, vectors, 1))

EK_BOTH(1, 16, 1)
EK_BOTH(2, 16, 1)
EK_BOTH(4, 16, 1)
EK_BOTH(8, 16, 1)
EK_BOTH(1, 32, 2)
EK_BOTH(2, 32, 2)
EK_BOTH(4, 32, 2)
EK_BOTH(8, 32, 2)
EK_BOTH(1, 64, 4)
EK_BOTH(2, 64, 4)
EK_BOTH(4, 64, 4)
EK_BOTH(6, 64, 4)
