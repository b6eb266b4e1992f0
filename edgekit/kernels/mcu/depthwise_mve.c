/*
 * Depthwise convolution for cores with MVE, eight channels of a pixel at a time.
 *
 * A list says how far behind the plane's start each tap of a window is read; outside the plane that is a row of padding.
 * Windows that are inside the plane share the list of the first one in their row, moved on. Where channels are no
 * multiple of eight, the last ones are computed again.
 */
#include "depthwise.h"
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
      : [taps] "+&r"(taps), [weights] "+&r"(weights), [tap] "=&r"(tap)
      : [count] "r"(count), [at] "r"(at), [scales] "r"(scales), [zero_point] "r"(zero_point), [out] "r"(out)
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
static EK_NOINLINE void window(const ek_depthwise_mve_layer *layer, const int8_t *in, const int32_t *taps,
                               const int8_t *weights, const int32_t *scales, int8_t *out) {
  const int32_t count = layer->kernel_h * layer->kernel_w, channels = layer->channels;
  for (int32_t c = 0; c < channels; c += EK_VECTOR) {
    const int32_t at = c + EK_VECTOR <= channels ? c : channels - EK_VECTOR;
    eight_channels(in + at, taps, count, weights, scales, layer->zero_point, out + at);
    weights += EK_VECTOR * count;
    scales += EK_SCALE_WORDS;
  }
}

/* List how far behind the plane's start the taps of the window at (y, x) are, and `padding` for those outside. */
static EK_NOINLINE void list_taps(const ek_depthwise_mve_layer *layer, int32_t y, int32_t x, int32_t padding,
                                  int32_t *taps) {
  for (int32_t row = layer->kernel_h; row > 0; row--, y += layer->dilation_h) {
    int32_t column = x;
    for (int32_t i = layer->kernel_w; i > 0; i--, column += layer->dilation_w) {
      const int32_t is_inside = y >= 0 && y < layer->height && column >= 0 && column < layer->width;
      *taps++ = is_inside ? (y * layer->width + column) * layer->channels : padding;
    }
  }
}

void ek_depthwise_mve(const ek_depthwise_mve_layer *layer, const int8_t *in, const int32_t *weights,
                      const int32_t *scales, int8_t *out, void *scratch) {
  const int32_t channels = layer->channels, step = layer->stride_w * channels;
  const int32_t reach_h = (layer->kernel_h - 1) * layer->dilation_h + 1;
  const int32_t reach_w = (layer->kernel_w - 1) * layer->dilation_w + 1;
  int32_t *const taps = scratch;
  int8_t *const padding = (int8_t *)(taps + layer->kernel_h * layer->kernel_w);
  for (int32_t i = 0; i < channels; i++) {
    padding[i] = (int8_t)layer->pad_value;
  }
  for (int32_t image = layer->images; image > 0; image--, in += layer->height * layer->width * channels) {
    /* The plane and the scratch memory are parts of one arena: how far apart they are fits 32 bits. */
    const int32_t to_padding = (int32_t)((intptr_t)padding - (intptr_t)in);
    int32_t y = -layer->pad_top;
    for (int32_t row = layer->out_height; row > 0; row--, y += layer->stride_h) {
      int32_t x = -layer->pad_left, is_listed = 0, offset = 0;
      for (int32_t left = layer->out_width; left > 0; left--, x += layer->stride_w, out += channels) {
        const int32_t is_inner = y >= 0 && y + reach_h <= layer->height && x >= 0 && x + reach_w <= layer->width;
        if (is_inner == 0 || is_listed == 0) {
          list_taps(layer, y, x, to_padding, taps);
          offset = 0;
        }
        is_listed = is_inner;
        window(layer, in + offset, taps, (const int8_t *)weights, scales, out);
        offset += step;
      }
    }
  }
}
