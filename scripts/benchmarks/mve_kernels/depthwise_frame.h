/* What surrounds the inner loop in depthwise_mve.c, which has it in the same file: the same here. */
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
