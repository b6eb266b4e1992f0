/* What the sources of small net share; no part of its interface. */
#ifndef SMALL_NET_PARTS_H
#define SMALL_NET_PARTS_H

#include <stdbool.h>
#include <stdint.h>

extern const int8_t small_net_op000_conv_2d_table_1[72] __attribute__((aligned(4)));
extern const int32_t small_net_op000_conv_2d_table_2[4] __attribute__((aligned(4)));
extern const int32_t small_net_op000_conv_2d_table_3[4] __attribute__((aligned(4)));
extern const int32_t small_net_op000_conv_2d_table_4[4] __attribute__((aligned(4)));

void small_net_op001_max_pool_2d(const int8_t *restrict x0, int8_t *restrict largest);

#endif /* SMALL_NET_PARTS_H */
