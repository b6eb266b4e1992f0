/*
 * Depthwise convolution, four channels at a time, for cores with DSP instructions.
 *
 * Rows of the input are widened into planes, one for each of the four channels: int16 pairs of neighbouring columns, so
 * that a SMLAD multiplies two taps. A plane keeps as many rows as the filter is high; a new one takes the place of the
 * oldest. Weights are widened once for each channel, and doubled: what sums to twice the accumulator needs no shift
 * before it is scaled (requantize.h).
 *
 * Channels do not mix, and are the outermost loop: so the output may start where the input does. Each row is widened
 * before any output takes its place. Where channels are no multiple of four, the last planes hold those before again,
 * and only new ones are computed.
 */
#include "depthwise.h"
#include "depthwise_tile.h"

enum { EK_PLANES = 4, EK_MOST_ROWS = 7, EK_TABLE_EXTRA = 1 + (int)(sizeof(ek_depthwise_scale) / sizeof(uint32_t)), EK_TILE = 4, EK_TURN_STEPS = 4 };

/* What the functions below share. */
typedef struct ek_planes {
  const ek_depthwise_layer *layer;
  uint32_t *tables; /* of the four channels */
  uint32_t *rings;  /* their rows */
  int32_t table_words;
  int32_t ring_words;
  void (*row)(const struct ek_planes *planes, uint32_t *table, const uint32_t *const *rows, int8_t *out);
  /* How a row is cut into tiles, in words of the planes' rows: those that are alike, and all. */
  int32_t first_words;
  int32_t words;
  int32_t back_words; /* from there to where a last one begins, */
  int32_t back_bytes; /* and in the output */
  int32_t first_last; /* ek_depthwise_scale.last of them */
  int32_t last;
} ek_planes;

static EK_NOINLINE void fill_words(uint32_t *to, uint32_t value, int32_t count) {
  for (; count > 0; count--) {
    *to++ = value;
  }
}

/* Two columns of four channels, a byte each, as a pair in each plane. */
EK_INLINE void put_pair(uint32_t left, uint32_t right, uint32_t *to, int32_t next_plane) {
  const uint32_t low = ek_pkhbt(left, right), high = ek_pkhtb(right, left);
  to[0] = ek_sxtb16(low);
  to[next_plane] = ek_sxtb16_ror8(low);
  to[2 * next_plane] = ek_sxtb16(high);
  to[3 * next_plane] = ek_sxtb16_ror8(high);
}

/* Widen a row of the input; what is around it is padding already, but for its half of a pair. */
static EK_NOINLINE void widen_row(const ek_planes *planes, const int8_t *from, uint32_t *to) {
  const ek_depthwise_layer *const layer = planes->layer;
  const int32_t step = layer->channels, next_plane = planes->ring_words;
  const uint32_t padding = (uint32_t)(uint8_t)layer->pad_value * 0x01010101u;
  int32_t left = layer->width;
  to += layer->pad_left / 2;
  if (layer->pad_left % 2 != 0) {
    put_pair(padding, ek_load_word(from), to++, next_plane);
    from += step;
    left--;
  }
  for (; left >= 2; left -= 2, from += 2 * step) {
    put_pair(ek_load_word(from), ek_load_word(from + step), to++, next_plane);
  }
  if (left > 0) {
    put_pair(ek_load_word(from), padding, to, next_plane);
  }
}

/* The next row of the planes' rings; `y` is the input's, or outside it. */
static void add_row(const ek_planes *planes, const int8_t *in, int32_t y, int32_t slot) {
  const ek_depthwise_layer *const layer = planes->layer;
  uint32_t *const to = planes->rings + slot * layer->row_words;
  if (y >= 0 && y < layer->height) {
    widen_row(planes, in + y * layer->width * layer->channels, to);
    return;
  }
  const uint32_t padding = ((uint32_t)layer->pad_value & 0xffffu) * 0x10001u;
  for (int32_t lane = 0; lane < EK_PLANES; lane++) {
    fill_words(to + lane * planes->ring_words, padding, layer->row_words);
  }
}

/* Widen the weights of a channel, doubled, between its bias and its scale. */
static void fill_table(const ek_depthwise_layer *layer, const uint32_t *weights, int32_t filter_words,
                       const ek_channel *channel, uint32_t *table) {
  *table++ = (uint32_t)channel->twice_bias;
  for (int32_t i = filter_words; i > 0; i--) {
    const uint32_t word = *weights++, even = ek_sxtb16(word), odd = ek_sxtb16_ror8(word);
    *table++ = ek_sadd16(even, even);
    *table++ = ek_sadd16(odd, odd);
  }
  ek_depthwise_scale *const scale = (ek_depthwise_scale *)table;
  scale->multiplier = channel->multiplier;
  scale->rounding = channel->rounding;
  scale->right = channel->right;
  scale->second = layer->channels;
  scale->weight_bytes = 8 * filter_words;
}

/* Outputs by twos, of windows of any height and width; of an odd number the last alone. */
static EK_NOINLINE void row_any(const ek_planes *planes, uint32_t *table, const uint32_t *const *rows, int8_t *out) {
  const ek_depthwise_layer *const layer = planes->layer;
  const int32_t height = layer->kernel_h, steps = layer->steps, stride = layer->stride, channels = layer->channels;
  int32_t at = 0;
  for (int32_t left = layer->out_width; left > 0; left -= 2, at += stride, out += 2 * channels) {
    const uint32_t *weights = table;
    int32_t first = (int32_t)*weights++, second = first;
    for (int32_t y = 0; y < height; y++) {
      const uint32_t *row = rows[y] + at;
      uint32_t left_pair = *row++, odd = *weights;
      if (stride == 1) {
        second = ek_smlatb(left_pair, odd, second);
      }
      for (int32_t i = 0; i < steps; i++) {
        const uint32_t right_pair = *row++, even = *weights++;
        odd = *weights++;
        first = ek_smlad(left_pair, even, first);
        second = ek_smlad(right_pair, stride == 1 ? odd : even, second);
        left_pair = right_pair;
      }
      first = ek_smlabt(left_pair, odd, first);
      if (stride == 2) {
        second = ek_smlabt(*row, odd, second);
      }
    }
    const ek_depthwise_scale *const scale = (const ek_depthwise_scale *)weights;
    out[0] = ek_depthwise_output(first, scale);
    if (left > 1) {
      out[channels] = ek_depthwise_output(second, scale);
    }
  }
}

/* A row of output of a channel, of windows one row high, by tiles; and the last of these by itself if it differs. */
EK_INLINE void row_by_tiles(const ek_planes *planes, uint32_t *table, const uint32_t *row, int8_t *out,
                            int32_t stride) {
  const uint32_t *const end = row + planes->words;
  const int32_t steps = planes->layer->steps;
  ek_depthwise_scale *const scale = (ek_depthwise_scale *)(table + planes->table_words) - 1;
  int32_t words = planes->first_words;
  scale->last = planes->first_last;
  for (;;) {
    out = ek_tiles_1xn(table, row, stride, steps, words, out);
    row += words;
    if (row == end) {
      return;
    }
    row -= planes->back_words;
    out -= planes->back_bytes;
    words = (int32_t)(end - row);
    scale->last = planes->last;
  }
}

static EK_NOINLINE void row_by_1(const ek_planes *planes, uint32_t *table, const uint32_t *const *rows, int8_t *out) {
  row_by_tiles(planes, table, rows[0], out, 1);
}

static EK_NOINLINE void row_by_2(const ek_planes *planes, uint32_t *table, const uint32_t *const *rows, int8_t *out) {
  row_by_tiles(planes, table, rows[0], out, 2);
}

/*
 * How a row is computed, and cut into tiles. What is left over is a last tile that begins at an even output: it computes
 * some outputs again, or one too many, which is stored where the one before it goes.
 */
static void plan_rows(ek_planes *planes) {
  const ek_depthwise_layer *const layer = planes->layer;
  const int32_t width = layer->out_width, stride = layer->stride, channels = layer->channels;
  const int32_t rest = width % EK_TILE, last_x = rest % 2 != 0 ? width - (EK_TILE - 1) : width - EK_TILE;
  const int32_t first_width = width < EK_TILE ? EK_TILE : width - rest;
  if (layer->kernel_h != 1 || layer->steps % EK_TURN_STEPS != 0 || width < EK_TILE - 1) {
    planes->row = row_any;
    return;
  }
  planes->row = stride == 1 ? row_by_1 : row_by_2;
  planes->first_words = first_width * stride / 2;
  planes->first_last = (width < EK_TILE ? EK_TILE - 2 : EK_TILE - 1) * channels;
  planes->words = (last_x + EK_TILE) * stride / 2;
  planes->last = (rest % 2 != 0 ? EK_TILE - 2 : EK_TILE - 1) * channels;
  planes->back_words = (first_width - last_x) * stride / 2;
  planes->back_bytes = (first_width - last_x) * channels;
}

/* All rows of four channels, of which the first `known` are computed already. */
static void compute_planes(const ek_planes *planes, const int8_t *in, int8_t *out, int32_t known) {
  const ek_depthwise_layer *const layer = planes->layer;
  const int32_t height = layer->kernel_h, row_words = layer->row_words;
  const uint32_t *rows[EK_MOST_ROWS];
  int32_t next = -layer->pad_top, slot = 0;
  for (int32_t y = 0; y < layer->out_height; y++) {
    const int32_t end = y * layer->stride - layer->pad_top + height;
    next = next < end - height ? end - height : next;
    for (; next < end; next++) {
      add_row(planes, in, next, slot);
      slot = slot + 1 < height ? slot + 1 : 0;
    }
    for (int32_t i = 0, from = slot; i < height; i++) {
      rows[i] = planes->rings + known * planes->ring_words + from * row_words;
      from = from + 1 < height ? from + 1 : 0;
    }
    uint32_t *table = planes->tables + known * planes->table_words;
    for (int32_t lane = known; lane < EK_PLANES; lane++, table += planes->table_words) {
      planes->row(planes, table, rows, out + lane);
      for (int32_t i = 0; i < height; i++) {
        rows[i] += planes->ring_words;
      }
    }
    out += layer->out_width * layer->channels;
  }
}

void ek_depthwise_planes(const ek_depthwise_layer *layer, const int8_t *in, const int32_t *weights,
                         const int32_t *channels, int8_t *out, void *scratch) {
  const int32_t filter_words = layer->kernel_h * layer->steps;
  const int32_t in_bytes = layer->height * layer->width * layer->channels;
  const int32_t out_bytes = layer->out_height * layer->out_width * layer->channels;
  const int32_t table_words = EK_TABLE_EXTRA + 2 * filter_words;
  uint32_t *const tables = scratch;
  ek_planes planes = {layer, tables, tables + EK_PLANES * table_words, table_words,
                      layer->kernel_h * layer->row_words, row_any, 0, 0, 0, 0, 0, 0};
  plan_rows(&planes);
  const uint32_t padding = ((uint32_t)layer->pad_value & 0xffffu) * 0x10001u;
  for (int32_t image = 0; image < layer->images; image++) {
    for (int32_t c = 0; c < layer->channels; c += EK_PLANES) {
      const int32_t first = c + EK_PLANES <= layer->channels ? c : layer->channels - EK_PLANES;
      for (int32_t lane = 0; lane < EK_PLANES; lane++) {
        fill_table(layer, (const uint32_t *)weights + (first + lane) * filter_words, filter_words,
                   (const ek_channel *)channels + first + lane, planes.tables + lane * planes.table_words);
      }
      fill_words(planes.rings, padding, EK_PLANES * planes.ring_words);
      compute_planes(&planes, in + first, out + first, c - first);
    }
    in += in_bytes;
    ek_clamp(out, out + out_bytes, layer->low, layer->high);
    out += out_bytes;
  }
}
