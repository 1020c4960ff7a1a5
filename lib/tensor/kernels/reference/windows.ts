/** Convolution and pooling windows laid out as rows (im2col) and summed back (col2im), in plain TypeScript. */
import type { NDArray } from '../../ndarray.ts'
import type { Windows } from '../kernels.ts'

/** Visits every place of every window with its index in the (N, C, H, W) picture, -1 outside of it, in the windows' order. */
function eachPlace([N, C, H, W]: readonly number[], { kernel, stride, padding, dilation, output }: Windows, visit: (place: number, pixel: number) => void): void {
  let place = 0
  for (let n = 0; n < N; n++)
    for (let oy = 0; oy < output[0]; oy++)
      for (let ox = 0; ox < output[1]; ox++)
        for (let c = 0; c < C; c++)
          for (let ky = 0; ky < kernel[0]; ky++) {
            const y = oy * stride[0] - padding[0] + ky * dilation[0]
            for (let kx = 0; kx < kernel[1]; kx++) {
              const x = ox * stride[1] - padding[1] + kx * dilation[1]
              const inside = y >= 0 && y < H && x >= 0 && x < W
              visit(place++, inside ? ((n * C + c) * H + y) * W + x : -1)
            }
          }
}

export function unfold(out: NDArray, x: NDArray, windows: Windows, fill: number): void {
  const o = out.storage.data
  const p = x.values()
  eachPlace(x.shape, windows, (place, pixel) => (o[place] = pixel < 0 ? fill : p[pixel]))
}

export function fold(out: NDArray, x: NDArray, windows: Windows): void {
  const sums = new Float64Array(out.numel)
  const p = x.values()
  eachPlace(out.shape, windows, (place, pixel) => {
    if (pixel >= 0) sums[pixel] += p[place]
  })
  out.storage.data.set(sums, out.offset)
}

export function maxPlaces(out: NDArray, x: NDArray, { kernel, stride, padding, dilation, output }: Windows): void {
  const [N, C, H, W] = x.shape
  const pixels = x.values()
  const places = out.storage.data
  let to = out.offset
  for (let plane = 0; plane < N * C; plane++)
    for (let oy = 0; oy < output[0]; oy++)
      for (let ox = 0; ox < output[1]; ox++) {
        let place = -1
        let largest = -Infinity
        for (let ky = 0; ky < kernel[0]; ky++)
          for (let kx = 0; kx < kernel[1]; kx++) {
            const [row, column] = [oy * stride[0] - padding[0] + ky * dilation[0], ox * stride[1] - padding[1] + kx * dilation[1]]
            if (row < 0 || row >= H || column < 0 || column >= W) continue
            const value = pixels[plane * H * W + row * W + column]
            if (place >= 0 && !(value > largest) && !(value !== value && largest === largest)) continue
            place = row * W + column
            largest = value
          }
        places[to++] = place
      }
}
