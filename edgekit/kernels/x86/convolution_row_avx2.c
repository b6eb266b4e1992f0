/* The instances of convolution_row_avx2.h that schedules call: pixels a tile, channels a tile, left shifts or none. */
#include "convolution_row_avx2.h"

#define EK_ROW_TARGET __attribute__((EK_AVX2_TARGET))

#define EK_BOTH(pixels, channels, vectors)                                                                   \
  EK_ROW_FUNCTION(ek_convolution_row_avx2_##pixels##x##channels, ek_convolve_avx2(&row, pixels, vectors, 0)) \
  EK_ROW_FUNCTION(ek_convolution_row_avx2_##pixels##x##channels##_general,                                   \
                  ek_convolve_avx2(&row, pixels, vectors, 1))

EK_BOTH(1, 8, 1)
EK_BOTH(2, 8, 1)
EK_BOTH(4, 8, 1)
EK_BOTH(1, 16, 2)
EK_BOTH(2, 16, 2)
EK_BOTH(4, 16, 2)
