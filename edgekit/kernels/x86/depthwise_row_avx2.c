/* The instances of depthwise_row_avx2.h that schedules call: columns of a part, columns it moves by, form of scaling. */
#include "depthwise_row_avx2.h"

#define EK_ROW_TARGET __attribute__((EK_AVX2_TARGET))

#define EK_FORMS(name, wide, by)                                                                             \
  EK_DEPTHWISE_FUNCTION(ek_depthwise_row_avx2_##name##_relu, ek_depthwise(&load, wide, by, EK_RELU))         \
  EK_DEPTHWISE_FUNCTION(ek_depthwise_row_avx2_##name##_linear, ek_depthwise(&load, wide, by, EK_LINEAR))     \
  EK_DEPTHWISE_FUNCTION(ek_depthwise_row_avx2_##name##_general, ek_depthwise(&load, wide, by, EK_GENERAL))

EK_FORMS(1_by_any, 1, 1)
EK_FORMS(3_by_1, 3, 1)
EK_FORMS(5_by_1, 5, 1)
EK_FORMS(3_by_2, 3, 2)
EK_FORMS(5_by_2, 5, 2)
