/* The instances of depthwise_row.h that schedules call: filter and stride, and the form of the scaling. */
#include "depthwise_row.h"

#define EK_ROW_TARGET EK_NEON

#define EK_DEPTHWISE_FORM(filter, stride, name, form)                                                        \
  EK_DEPTHWISE_FUNCTION(ek_depthwise_row_##filter##_##name, ek_depthwise(&row, stride, form))
#define EK_DEPTHWISE_FORMS(filter, stride)                                                                   \
  EK_DEPTHWISE_FORM(filter, stride, relu, EK_RELU)                                                           \
  EK_DEPTHWISE_FORM(filter, stride, linear, EK_LINEAR)                                                       \
  EK_DEPTHWISE_FORM(filter, stride, relu_wide, EK_RELU | EK_WIDE)                                            \
  EK_DEPTHWISE_FORM(filter, stride, linear_wide, EK_LINEAR | EK_WIDE)                                        \
  EK_DEPTHWISE_FORM(filter, stride, general, EK_GENERAL | EK_WIDE)

EK_DEPTHWISE_FORMS(3x3_by_1, 1)
EK_DEPTHWISE_FORMS(3x3_by_2, 2)
EK_DEPTHWISE_FORMS(any, 0)
