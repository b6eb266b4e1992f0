/* The instances of depthwise_row.h that schedules call: filter and stride, and the form of the scaling. */
#include "depthwise_row.h"

#define EK_ROW_TARGET EK_NEON

#define EK_DEPTHWISE_FORMS(filter, stride)                                                                   \
  EK_DEPTHWISE_FUNCTION(ek_depthwise_row_##filter##_relu, ek_depthwise(&row, stride, EK_RELU))               \
  EK_DEPTHWISE_FUNCTION(ek_depthwise_row_##filter##_linear, ek_depthwise(&row, stride, EK_LINEAR))           \
  EK_DEPTHWISE_FUNCTION(ek_depthwise_row_##filter##_general, ek_depthwise(&row, stride, EK_GENERAL))

EK_DEPTHWISE_FORMS(3x3_by_1, 1)
EK_DEPTHWISE_FORMS(3x3_by_2, 2)
EK_DEPTHWISE_FORMS(any, 0)
