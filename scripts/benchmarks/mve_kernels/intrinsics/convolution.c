/* The inner loops of convolutions by the intrinsics of arm_mve.h; registers and loops are the compiler's. */
#define EK_HAS_MVE 0
#define ek_multiply_lanes ek_multiply_lanes_of_the_twin
#define ek_copy ek_copy_of_the_twin
#define ek_fill ek_fill_of_the_twin
#include "mve_tile.h"
#undef ek_multiply_lanes
#undef ek_copy
#undef ek_fill

#include "scale_four.h"

EK_INLINE void ek_copy(int8_t *to, const int8_t *from, int32_t count) {
  for (; count > 0; count -= 16, to += 16, from += 16) {
    const mve_pred16_t some = vctp8q((uint32_t)count);
    vstrbq_p_s8(to, vldrbq_z_s8(from, some), some);
  }
}

EK_INLINE void ek_fill(int8_t *to, int8_t value, int32_t count) {
  for (; count > 0; count -= 16, to += 16) {
    vstrbq_p_s8(to, vdupq_n_s8(value), vctp8q((uint32_t)count));
  }
}

static EK_NOINLINE void ek_multiply_lanes(const ek_lanes *lanes) {
  const int8_t *weights = (const int8_t *)lanes->weights;
  const int8_t *const end = (const int8_t *)lanes->scales;
  for (int32_t *sums = lanes->sums; weights != end; sums += 2 * EK_LANES) {
    const int32_t *const biases = (const int32_t *)weights;
    int32_t a0 = biases[0], b0 = a0, c0 = a0, a1 = biases[1], b1 = a1, c1 = a1;
    const int8_t *a = lanes->pixels[0], *b = lanes->pixels[1], *c = lanes->pixels[2];
    weights += 8;
    int32_t taps = lanes->taps;
#ifndef __clang__ /* which makes one loop that predicates itself of the second */
    for (; taps >= 16; taps -= 16, a += 16, b += 16, c += 16, weights += 32) {
      const int8x16_t as = vldrbq_s8(a), bs = vldrbq_s8(b), cs = vldrbq_s8(c);
      const int8x16_t first = vldrbq_s8(weights), second = vldrbq_s8(weights + 16);
      a0 = vmladavaq_s8(a0, as, first);
      b0 = vmladavaq_s8(b0, bs, first);
      c0 = vmladavaq_s8(c0, cs, first);
      a1 = vmladavaq_s8(a1, as, second);
      b1 = vmladavaq_s8(b1, bs, second);
      c1 = vmladavaq_s8(c1, cs, second);
    }
#endif
    for (; taps > 0; taps -= 16, a += 16, b += 16, c += 16, weights += 32) {
      const mve_pred16_t some = vctp8q((uint32_t)taps);
      const int8x16_t as = vldrbq_z_s8(a, some), bs = vldrbq_z_s8(b, some), cs = vldrbq_z_s8(c, some);
      const int8x16_t first = vldrbq_z_s8(weights, some);
      a0 = vmladavaq_p_s8(a0, as, first, some);
      b0 = vmladavaq_p_s8(b0, bs, first, some);
      c0 = vmladavaq_p_s8(c0, cs, first, some);
      const int8x16_t second = vldrbq_z_s8(weights + 16, some);
      a1 = vmladavaq_p_s8(a1, as, second, some);
      b1 = vmladavaq_p_s8(b1, bs, second, some);
      c1 = vmladavaq_p_s8(c1, cs, second, some);
    }
    sums[0] = a0, sums[1] = a1, sums[2] = b0, sums[3] = b1, sums[4] = c0, sums[5] = c1;
  }
  const uint32_t places[4] = {0, 1, 2 * EK_LANES, 2 * EK_LANES + 1};
  const uint32x4_t offsets = vldrwq_u32(places);
  const int32_t *scales = lanes->scales, *sums = lanes->sums;
  int8_t *out0 = lanes->outs[0], *out1 = lanes->outs[1], *out2 = lanes->outs[2];
  const int32_t zero_point = lanes->zero_point;
  for (int32_t channels = lanes->channels; channels > 0; channels -= 4, scales += 8, sums += 4 * EK_LANES) {
    const mve_pred16_t some = vctp32q((uint32_t)channels);
    const int32x4_t multipliers = vldrwq_s32(scales), shifts = vldrwq_s32(scales + 4);
    const int32x4_t thirds = vldrwq_gather_shifted_offset_z_s32(sums + 4, offsets, some);
    store_four(out2, scale_four(thirds, multipliers, shifts, zero_point), some);
    const int32x4_t seconds = vldrwq_gather_shifted_offset_z_s32(sums + 2, offsets, some);
    store_four(out1, scale_four(seconds, multipliers, shifts, zero_point), some);
    const int32x4_t firsts = vldrwq_gather_shifted_offset_z_s32(sums, offsets, some);
    store_four(out0, scale_four(firsts, multipliers, shifts, zero_point), some);
    out0 += 4, out1 += 4, out2 += 4;
  }
}

#include "convolution_mve.c"
