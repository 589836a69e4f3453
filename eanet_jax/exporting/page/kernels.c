/* The two loops that a network spends its time in, for WebAssembly.

   Freestanding: no library, no allocation, memory is the caller's. All arrays
   are float32, row by row. kernels.wasm beside this file is made of it with
   `pip install ziglang==0.17.1`, in this folder:

     python -m ziglang cc --target=wasm32-freestanding \
       -mcpu=generic+simd128+bulk_memory -O3 -nostdlib -Wl,--no-entry \
       -Wl,--export=pack,--export=product,--export=depthwise \
       -Wl,--export=gather,--export=__heap_base -Wl,--strip-all \
       -o kernels.wasm kernels.c */

#include <stdint.h>
#include <wasm_simd128.h>

enum { NOTHING = 0, RELU = 1, RELU6 = 2 };
enum { ROWS = 4, PANEL = 8 }; /* of the result, kept in registers */

static inline v128_t activate(v128_t x, int32_t activation) {
  if (activation != NOTHING) x = wasm_f32x4_max(x, wasm_f32x4_splat(0));
  if (activation == RELU6) x = wasm_f32x4_min(x, wasm_f32x4_splat(6));
  return x;
}

static inline float activate_one(float x, int32_t activation) {
  return wasm_f32x4_extract_lane(activate(wasm_f32x4_splat(x), activation), 0);
}

/* Packs weights (k, m) as ceil(m / PANEL) panels (k, PANEL), filled with 0. */
void pack(const float *weights, float *packed, int32_t k, int32_t m) {
  for (int32_t j = 0; j < m; j += PANEL)
    for (int32_t p = 0; p < k; p++)
      for (int32_t i = 0; i < PANEL; i++)
        *packed++ = j + i < m ? weights[p * m + j + i] : 0;
}

/* out (n, m) = activate(a (n, k) weights (k, m) + bias (m) + add (n, m)).

   weights as `pack` has them; bias is as long as the panels are; add may be 0. */
void product(const float *a, const float *packed, const float *bias,
             const float *add, float *out, int32_t n, int32_t k, int32_t m,
             int32_t activation) {
  for (int32_t j = 0; j < m; j += PANEL, packed += k * PANEL) {
    const v128_t left = wasm_v128_load(bias + j);
    const v128_t right = wasm_v128_load(bias + j + 4);
    for (int32_t r = 0; r < n; r += ROWS) {
      /* The last rows are done over again rather than fewer at once. */
      const int32_t first = n < ROWS ? 0 : (r + ROWS > n ? n - ROWS : r);
      const int32_t count = n < ROWS ? n : ROWS;
      const float *rows[ROWS];
      v128_t sums[ROWS][2];
      for (int32_t i = 0; i < ROWS; i++) {
        rows[i] = a + (first + (i < count ? i : 0)) * k;
        sums[i][0] = left;
        sums[i][1] = right;
      }
      const float *panel = packed;
      for (int32_t p = 0; p < k; p++, panel += PANEL) {
        const v128_t w0 = wasm_v128_load(panel);
        const v128_t w1 = wasm_v128_load(panel + 4);
        for (int32_t i = 0; i < ROWS; i++) {
          const v128_t x = wasm_v128_load32_splat(rows[i] + p);
          sums[i][0] = wasm_f32x4_add(sums[i][0], wasm_f32x4_mul(x, w0));
          sums[i][1] = wasm_f32x4_add(sums[i][1], wasm_f32x4_mul(x, w1));
        }
      }
      for (int32_t i = 0; i < count; i++) {
        float *to = out + (first + i) * m + j;
        const float *more = add ? add + (first + i) * m + j : 0;
        for (int32_t half = 0; half < 2; half++) {
          if (j + 4 * half + 4 <= m) {
            v128_t y = sums[i][half];
            if (more) y = wasm_f32x4_add(y, wasm_v128_load(more + 4 * half));
            wasm_v128_store(to + 4 * half, activate(y, activation));
          } else {
            float parts[4];
            wasm_v128_store(parts, sums[i][half]);
            for (int32_t c = 0; j + 4 * half + c < m && c < 4; c++) {
              float y = parts[c] + (more ? more[4 * half + c] : 0);
              to[4 * half + c] = activate_one(y, activation);
            }
          }
        }
      }
    }
  }
}

/* Convolves each channel of maps (h, w, c) by its own kernel (size, size, c).

   out (ceil(h / stride), ceil(w / stride), c); c is a multiple of 4. top and
   left are how many zeros are before. */
void depthwise(const float *maps, const float *kernel, const float *bias,
               float *out, int32_t h, int32_t w, int32_t c, int32_t size,
               int32_t stride, int32_t top, int32_t left, int32_t activation) {
  const int32_t rows = (h + stride - 1) / stride;
  const int32_t columns = (w + stride - 1) / stride;
  for (int32_t y = 0; y < rows; y++) {
    const int32_t y0 = y * stride - top;
    const int32_t i0 = y0 < 0 ? -y0 : 0;
    const int32_t i1 = y0 + size > h ? h - y0 : size;
    for (int32_t x = 0; x < columns; x++) {
      const int32_t x0 = x * stride - left;
      const int32_t j0 = x0 < 0 ? -x0 : 0;
      const int32_t j1 = x0 + size > w ? w - x0 : size;
      for (int32_t d = 0; d < c; d += 4) {
        v128_t sum = wasm_v128_load(bias + d);
        for (int32_t i = i0; i < i1; i++) {
          const float *from = maps + ((y0 + i) * w + x0 + j0) * c + d;
          const float *tap = kernel + (i * size + j0) * c + d;
          for (int32_t j = j0; j < j1; j++, from += c, tap += c)
            sum = wasm_f32x4_add(
                sum, wasm_f32x4_mul(wasm_v128_load(from), wasm_v128_load(tap)));
        }
        wasm_v128_store(out + (y * columns + x) * c + d,
                        activate(sum, activation));
      }
    }
  }
}

/* Lays out what each place of a convolution sees: out (rows * columns,
   size * size * c), zeros beyond the edges. */
void gather(const float *maps, float *out, int32_t h, int32_t w, int32_t c,
            int32_t size, int32_t stride, int32_t top, int32_t left,
            int32_t first_row, int32_t last_row) {
  const int32_t columns = (w + stride - 1) / stride;
  for (int32_t y = first_row; y < last_row; y++)
    for (int32_t x = 0; x < columns; x++)
      for (int32_t i = 0; i < size; i++)
        for (int32_t j = 0; j < size; j++) {
          const int32_t v = y * stride - top + i, u = x * stride - left + j;
          const int inside = v >= 0 && v < h && u >= 0 && u < w;
          const float *from = maps + (v * w + u) * c;
          for (int32_t d = 0; d < c; d++) *out++ = inside ? from[d] : 0;
        }
}
