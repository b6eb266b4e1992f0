/* The instances of depthwise_row.h that schedules call: filter and stride, and the form of the scaling. */
#include "depthwise_row.h"

#define EK_ROW_TARGET EK_NEON

#define EK_DEPTHWISE_FORM(filter, taps, stride, name, form)                                                  \
  EK_DEPTHWISE_FUNCTION(ek_depthwise_row_##filter##_##name, ek_depthwise(&row, taps, stride, form))
#define EK_DEPTHWISE_FORMS(filter, taps, stride)                                                             \
  EK_DEPTHWISE_FORM(filter, taps, stride, relu, EK_RELU)                                                     \
  EK_DEPTHWISE_FORM(filter, taps, stride, linear, EK_LINEAR)                                                 \
  EK_DEPTHWISE_FORM(filter, taps, stride, relu_wide, EK_RELU | EK_WIDE)                                      \
  EK_DEPTHWISE_FORM(filter, taps, stride, linear_wide, EK_LINEAR | EK_WIDE)                                  \
  EK_DEPTHWISE_FORM(filter, taps, stride, general, EK_GENERAL | EK_WIDE)

EK_DEPTHWISE_FORMS(3x3_by_1, 0, 1)
EK_DEPTHWISE_FORMS(3x3_by_2, 0, 2)
EK_DEPTHWISE_FORMS(1x5_by_1, 5, 1)
EK_DEPTHWISE_FORMS(1x9_by_1, 9, 1)
EK_DEPTHWISE_FORMS(1x9_by_2, 9, 2)
EK_DEPTHWISE_FORMS(any, 0, 0)
