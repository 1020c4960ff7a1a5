/** Convolution and pooling windows laid out as rows (im2col) and summed back (col2im), and the largest of each, in plain TypeScript. */
import type { NDArray } from '../../ndarray.ts'
import type { Windows } from '../kernels.ts'

/** Visits every pixel of every window of pictures (N, H, W, C), -1 where it lies outside, in the windows' order. */
function eachPixel([N, H, W]: readonly number[], { kernel, stride, padding, dilation, output }: Windows, visit: (pixel: number, window: number) => void): void {
  let window = 0
  for (let n = 0; n < N; n++)
    for (let oy = 0; oy < output[0]; oy++)
      for (let ox = 0; ox < output[1]; ox++, window++)
        for (let ky = 0; ky < kernel[0]; ky++) {
          const y = oy * stride[0] - padding[0] + ky * dilation[0]
          for (let kx = 0; kx < kernel[1]; kx++) {
            const x = ox * stride[1] - padding[1] + kx * dilation[1]
            visit(y >= 0 && y < H && x >= 0 && x < W ? (n * H + y) * W + x : -1, window)
          }
        }
}

export function unfold(out: NDArray, x: NDArray, windows: Windows, fill: number): void {
  const o = out.storage.data
  const p = x.values()
  const C = x.shape[3]
  let to = out.offset
  eachPixel(x.shape, windows, (pixel) => {
    for (let c = 0; c < C; c++) o[to++] = pixel < 0 ? fill : p[pixel * C + c]
  })
}

export function fold(out: NDArray, x: NDArray, windows: Windows): void {
  const sums = new Float64Array(out.numel)
  const p = x.values()
  const C = out.shape[3]
  let from = 0
  eachPixel(out.shape, windows, (pixel) => {
    if (pixel >= 0) for (let c = 0; c < C; c++) sums[pixel * C + c] += p[from + c]
    from += C
  })
  out.storage.data.set(sums, out.offset)
}

export function maxPool(out: NDArray, places: NDArray, x: NDArray, windows: Windows): void {
  const [, H, W, C] = x.shape
  const p = x.values()
  const [largest, place] = [new Float32Array(out.numel), new Float32Array(out.numel).fill(-1)]
  eachPixel(x.shape, windows, (pixel, window) => {
    if (pixel < 0) return
    for (let c = 0; c < C; c++) {
      const [value, to] = [p[pixel * C + c], window * C + c]
      if (place[to] >= 0 && !(value > largest[to]) && !(value !== value && largest[to] === largest[to])) continue
      place[to] = pixel % (H * W)
      largest[to] = value
    }
  })
  out.storage.data.set(largest, out.offset)
  places.storage.data.set(place, places.offset)
}

export function maxPoolBackward(out: NDArray, grad: NDArray, places: NDArray): void {
  const [N, H, W, C] = out.shape
  const sums = new Float64Array(out.numel)
  const [g, p] = [grad.values(), places.values()]
  const perPicture = g.length / N
  for (let i = 0; i < g.length; i++) sums[(Math.floor(i / perPicture) * H * W + p[i]) * C + (i % C)] += g[i]
  out.storage.data.set(sums, out.offset)
}
