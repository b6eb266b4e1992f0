/*
 * Depthwise convolution for cores with MVE, eight channels of a pixel at a time. Where channels are no multiple of eight,
 * the last ones are computed again.
 */
#include "depthwise_windows.h"
#include "mve.h"

enum { EK_VECTOR = 8, EK_SCALE_WORDS = 3 * EK_VECTOR };

#if EK_HAS_MVE
#define EK_MVE_SCALE(sums, multipliers, shifts)                                                              \
  " vldrw.u32 q2, [%[scales], #" multipliers "]\n"                                                           \
  " vqrdmulh.s32 " sums ", " sums ", q2\n"                                                                   \
  " vshr.s32 q3, " sums ", #31\n" /* rounding half away from zero takes 1 from what is negative */           \
  " vadd.i32 " sums ", " sums ", q3\n"                                                                       \
  " vldrw.u32 q2, [%[scales], #" shifts "]\n"                                                                \
  " vrshl.s32 " sums ", " sums ", q2\n"                                                                      \
  " vadd.i32 " sums ", " sums ", %[zero_point]\n"

/* Eight channels of a window: the products of even channels are summed in q0, those of odd ones in q1. */
EK_INLINE void eight_channels(const int8_t *at, const int32_t *taps, int32_t count, const int8_t *weights,
                              const int32_t *scales, int32_t zero_point, int8_t *out) {
  int32_t tap;
  __asm__ volatile(
      " vldrw.u32 q0, [%[scales]]\n"
      " vldrw.u32 q1, [%[scales], #16]\n"
      " dls lr, %[count]\n"
      "1:\n"
      " ldr %[tap], [%[taps]], #4\n"
      " add %[tap], %[tap], %[at]\n"
      " vldrb.s16 q2, [%[tap]]\n"
      " vldrb.s16 q3, [%[weights]], #8\n"
      " vmullb.s16 q4, q2, q3\n"
      " vadd.i32 q0, q0, q4\n"
      " vmullt.s16 q4, q2, q3\n"
      " vadd.i32 q1, q1, q4\n"
      " le lr, 1b\n"
      EK_MVE_SCALE("q0", "32", "64")
      EK_MVE_SCALE("q1", "48", "80")
      " vqmovnb.s32 q0, q0\n"
      " vqmovnt.s32 q0, q1\n"
      " vqmovnb.s16 q0, q0\n"
      " vstrb.16 q0, [%[out]]\n"
      : [taps] "+&r"(taps), [weights] "+&l"(weights), [tap] "=&l"(tap)
      : [count] "r"(count), [at] "r"(at), [scales] "r"(scales), [zero_point] "r"(zero_point), [out] "l"(out)
      : "lr", "q0", "q1", "q2", "q3", "q4", "cc", "memory");
}
#else
EK_INLINE void eight_channels(const int8_t *at, const int32_t *taps, int32_t count, const int8_t *weights,
                              const int32_t *scales, int32_t zero_point, int8_t *out) {
  for (int32_t i = 0; i < EK_VECTOR; i++) {
    const int32_t lane = i / 2 + i % 2 * (EK_VECTOR / 2);
    int32_t sum = scales[lane];
    for (int32_t tap = 0; tap < count; tap++) {
      sum = ek_add_wrapping(sum, at[taps[tap] + i] * weights[EK_VECTOR * tap + i]);
    }
    out[i] =
        (int8_t)ek_scale_by_channel(sum, scales[EK_VECTOR + lane], scales[2 * EK_VECTOR + lane], zero_point);
  }
}
#endif

/* All channels of a window whose taps are as far behind `in` as the list says. */
static EK_NOINLINE void window(const ek_depthwise_window_layer *layer, const int8_t *in, const int32_t *taps,
                               const int8_t *weights, const int32_t *scales, int8_t *out) {
  const int32_t count = layer->kernel_h * layer->kernel_w, channels = layer->channels;
  for (int32_t c = 0; c < channels; c += EK_VECTOR) {
    const int32_t at = c + EK_VECTOR <= channels ? c : channels - EK_VECTOR;
    eight_channels(in + at, taps, count, weights, scales, layer->zero_point, out + at);
    weights += EK_VECTOR * count;
    scales += EK_SCALE_WORDS;
  }
}

void ek_depthwise_mve(const ek_depthwise_window_layer *layer, const int8_t *in, const int32_t *weights,
                      const int32_t *scales, int8_t *out, void *scratch) {
  const int32_t bytes = layer->images * layer->out_height * layer->out_width * layer->channels;
  ek_for_windows(layer, in, (const int8_t *)weights, scales, out, scratch, window);
  ek_clamp(out, out + bytes, (int8_t)layer->low, (int8_t)layer->high);
}
