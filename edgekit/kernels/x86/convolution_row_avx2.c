/* The instances of convolution_row_avx2.h that schedules call: pixels a tile, channels a tile, form of scaling. */
#include "convolution_row_avx2.h"

#define EK_ROW_TARGET __attribute__((EK_AVX2_TARGET))

#define EK_FORMS(pixels, channels, vectors)                                                                  \
  EK_ROW_FUNCTION(ek_convolution_row_avx2_##pixels##x##channels##_relu,                                      \
                  ek_convolve_avx2(&row, pixels, vectors, EK_RELU))                                          \
  EK_ROW_FUNCTION(ek_convolution_row_avx2_##pixels##x##channels##_linear,                                    \
                  ek_convolve_avx2(&row, pixels, vectors, EK_LINEAR))                                        \
  EK_ROW_FUNCTION(ek_convolution_row_avx2_##pixels##x##channels##_general,                                   \
                  ek_convolve_avx2(&row, pixels, vectors, EK_GENERAL))

EK_FORMS(1, 8, 1)
EK_FORMS(2, 8, 1)
EK_FORMS(4, 8, 1)
EK_FORMS(1, 16, 2)
EK_FORMS(2, 16, 2)
EK_FORMS(4, 16, 2)
