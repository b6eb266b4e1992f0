/* The instances of convolution_row_vnni.h that schedules call: pixels a tile, channels a tile, form of scaling. */
#include "convolution_row_vnni.h"

#define EK_ROW_TARGET __attribute__((EK_VNNI_TARGET))

#define EK_FORMS(pixels, channels, vectors)                                                                  \
  EK_ROW_FUNCTION(ek_convolution_row_vnni_##pixels##x##channels##_relu,                                      \
                  ek_convolve_vnni(&row, pixels, vectors, EK_RELU))                                          \
  EK_ROW_FUNCTION(ek_convolution_row_vnni_##pixels##x##channels##_linear,                                    \
                  ek_convolve_vnni(&row, pixels, vectors, EK_LINEAR))                                        \
  EK_ROW_FUNCTION(ek_convolution_row_vnni_##pixels##x##channels##_general,                                   \
                  ek_convolve_vnni(&row, pixels, vectors, EK_GENERAL))

EK_FORMS(1, 16, 1)
EK_FORMS(2, 16, 1)
EK_FORMS(4, 16, 1)
EK_FORMS(8, 16, 1)
EK_FORMS(12, 16, 1)
EK_FORMS(1, 32, 2)
EK_FORMS(2, 32, 2)
EK_FORMS(4, 32, 2)
EK_FORMS(8, 32, 2)
EK_FORMS(10, 32, 2)
EK_FORMS(12, 32, 2)
EK_FORMS(1, 48, 3)
EK_FORMS(2, 48, 3)
EK_FORMS(4, 48, 3)
EK_FORMS(8, 48, 3)
EK_FORMS(1, 64, 4)
EK_FORMS(2, 64, 4)
EK_FORMS(4, 64, 4)
EK_FORMS(6, 64, 4)
