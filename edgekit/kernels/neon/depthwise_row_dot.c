/* The instances of depthwise_row_dot.h that schedules call: filter, and the form of the scaling. */
#include "row.h"

#ifdef __aarch64__
#include "depthwise_row_dot.h"

#define EK_ROW_TARGET __attribute__((target("dotprod")))

/* `quads` and `outputs` of a filter of one row are 0 for one of 3x3. */
#define EK_DEPTHWISE_FORM(filter, quads, outputs, name, form)                                                \
  EK_DEPTHWISE_FUNCTION(ek_depthwise_row_dot_##filter##_##name, ek_depthwise_dot(&row, quads, outputs, form))
#define EK_DEPTHWISE_FORMS(filter, quads, outputs)                                                           \
  EK_DEPTHWISE_FORM(filter, quads, outputs, relu, EK_RELU)                                                   \
  EK_DEPTHWISE_FORM(filter, quads, outputs, linear, EK_LINEAR)                                               \
  EK_DEPTHWISE_FORM(filter, quads, outputs, relu_wide, EK_RELU | EK_WIDE)                                    \
  EK_DEPTHWISE_FORM(filter, quads, outputs, linear_wide, EK_LINEAR | EK_WIDE)                                \
  EK_DEPTHWISE_FORM(filter, quads, outputs, general, EK_GENERAL | EK_WIDE)

EK_DEPTHWISE_FORMS(3x3, 0, 0)
EK_DEPTHWISE_FORMS(line_2x4, 2, 4)
EK_DEPTHWISE_FORMS(line_3x4, 3, 4)
EK_DEPTHWISE_FORMS(line_2x2, 2, 2)
EK_DEPTHWISE_FORMS(line_3x2, 3, 2)

#endif
