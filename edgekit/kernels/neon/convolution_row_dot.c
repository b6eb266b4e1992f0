/* The instances of convolution_row_dot.h that schedules call: pixels and channels a tile, form of the scaling. */
#include "row.h"

#ifdef __aarch64__
#include "convolution_row_dot.h"

#define EK_ROW_TARGET __attribute__((target("dotprod")))

#define EK_FORM(pixels, channels, name, form)                                                                \
  EK_ROW_FUNCTION(ek_convolution_row_dot_##pixels##x##channels##_##name,                                     \
                  ek_convolve_dot(&row, pixels, channels / 4, form))
#define EK_FORMS(pixels, channels)                                                                           \
  EK_FORM(pixels, channels, relu, EK_RELU)                                                                   \
  EK_FORM(pixels, channels, linear, EK_LINEAR)                                                               \
  EK_FORM(pixels, channels, general, EK_GENERAL)

EK_FORMS(1, 8)
EK_FORMS(2, 8)
EK_FORMS(3, 8)
EK_FORMS(4, 8)
EK_FORMS(1, 16)
EK_FORMS(2, 16)
EK_FORMS(3, 16)
EK_FORMS(4, 16)

#endif
