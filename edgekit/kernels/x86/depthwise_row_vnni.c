/* The instances of depthwise_row_vnni.h that schedules call: filter and taps it moves by, form of scaling. */
#include "depthwise_row_vnni.h"

#define EK_ROW_TARGET __attribute__((EK_VNNI_TARGET))

#define EK_FORMS(filter, by, wide)                                                                           \
  EK_DEPTHWISE_FUNCTION(ek_depthwise_row_vnni_##filter##_relu, ek_depthwise(&load, by, wide, EK_RELU))       \
  EK_DEPTHWISE_FUNCTION(ek_depthwise_row_vnni_##filter##_linear, ek_depthwise(&load, by, wide, EK_LINEAR))   \
  EK_DEPTHWISE_FUNCTION(ek_depthwise_row_vnni_##filter##_general, ek_depthwise(&load, by, wide, EK_GENERAL))

EK_FORMS(3x3_by_1, 1, 0)
EK_FORMS(3x3_by_2, 2, 0)
EK_FORMS(4_by_1, 1, 1)
EK_FORMS(8_by_1, 1, 2)
EK_FORMS(12_by_1, 1, 3)
EK_FORMS(4_by_2, 2, 1)
EK_FORMS(8_by_2, 2, 2)
EK_FORMS(12_by_2, 2, 3)
EK_FORMS(any, 0, 0)
