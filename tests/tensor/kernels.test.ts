/** The reference kernels against loops that look up every number by its index, on arrays of every layout. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { windowsOver } from '../../lib/tensor/windows.ts'
import { erfinv } from '../../lib/tensor/erfinv.ts'
import type { BinaryOp, ReduceOp, UnaryOp } from '../../lib/tensor/kernels/kernels.ts'
import { erf } from '../../lib/tensor/kernels/reference/erf.ts'
import { reference } from '../../lib/tensor/kernels/reference/reference.ts'
import { NDArray } from '../../lib/tensor/ndarray.ts'
import { numelOf } from '../../lib/tensor/shape.ts'
import { draws, drawShape, indices, read, readAll, scattered, type Draw } from './layouts.ts'

const draw = draws(1)

function assertNear(actual: readonly number[], expected: readonly number[], rtol = 1e-6): void {
  assert.is(actual.length, expected.length)
  actual.forEach((value, i) => assert.ok(Object.is(value, expected[i]) || Math.abs(value - expected[i]) <= 1e-6 + rtol * Math.abs(expected[i]), `${value} is not ${expected[i]} at ${i}`))
}

function repeatedly(times: number, run: (draw: Draw) => void): void {
  for (let i = 0; i < times; i++) run(draw)
}

const unary: Partial<Record<UnaryOp, (x: number) => number>> = {
  neg: (x) => -x, abs: Math.abs, exp: Math.exp, reciprocal: (x) => 1 / x, sin: Math.sin, cos: Math.cos, tanh: Math.tanh,
  sigmoid: (x) => Math.exp(x) / (1 + Math.exp(x)), relu: (x) => Math.max(x, 0), floor: Math.floor, ceil: Math.ceil, sqrt: Math.sqrt, log: Math.log, log2: Math.log2, log10: Math.log10,
}
const binary: Partial<Record<BinaryOp, (a: number, b: number) => number>> = {
  add: (a, b) => a + b, sub: (a, b) => a - b, mul: (a, b) => a * b, div: (a, b) => a / b, pow: (a, b) => a ** b, maximum: Math.max, minimum: Math.min,
  gt: (a, b) => Number(a > b), ge: (a, b) => Number(a >= b), lt: (a, b) => Number(a < b), le: (a, b) => Number(a <= b), eq: (a, b) => Number(a === b), ne: (a, b) => Number(a !== b),
}
const reductions: Record<ReduceOp, (values: number[]) => number> = {
  sum: (values) => values.reduce((a, b) => a + b, 0),
  prod: (values) => values.reduce((a, b) => a * b, 1),
  max: (values) => Math.max(...values),
  min: (values) => Math.min(...values),
}

test('elementwise kernels read any layout', () => {
  repeatedly(100, (draw) => {
    const shape = drawShape(draw)
    const [a, b, c] = [scattered(shape, draw), scattered(shape, draw), scattered(shape, draw, () => draw(2))]
    const out = NDArray.empty(shape)
    for (const [op, f] of Object.entries(unary) as [UnaryOp, (x: number) => number][]) {
      reference.unary(op, out, a)
      assertNear(readAll(out), readAll(a).map(f))
    }
    for (const [op, f] of Object.entries(binary) as [BinaryOp, (a: number, b: number) => number][]) {
      reference.binary(op, out, a, b)
      assertNear(readAll(out), readAll(a).map((value, i) => f(value, readAll(b)[i])))
    }
    reference.where(out, c, a, b)
    assertNear(readAll(out), readAll(c).map((value, i) => readAll(value ? a : b)[i]))
  })
})

test('copy writes into any layout and leaves the numbers between alone', () => {
  repeatedly(200, (draw) => {
    const shape = drawShape(draw).map((size) => Math.max(size, 2))
    const x = scattered(shape, draw)
    const room = NDArray.full(shape.map((size) => 2 * size + 1), -1)
    const order = shape.map((_, d) => shape.length - 1 - d)
    const window = room.slice(shape.map((size) => ({ start: 1, size, step: 2 })))
    reference.copy(window.permute(order), x.permute(order))
    assertNear(readAll(window), readAll(x))
    const untouched = readAll(room).filter((value) => value === -1).length
    assert.ok(untouched >= room.numel - x.numel)
  })
})

test('reductions over the last dimensions', () => {
  repeatedly(200, (draw) => {
    const x = scattered(drawShape(draw), draw)
    const dims = draw(x.ndim + 1)
    const kept = x.shape.slice(0, x.ndim - dims)
    const reduced = x.shape.slice(x.ndim - dims)
    for (const op of ['sum', 'prod', 'max', 'min'] as const) {
      const out = NDArray.empty(kept)
      reference.reduce(op, out, x, dims)
      assertNear(readAll(out), [...indices(kept)].map((index) => reductions[op]([...indices(reduced)].map((rest) => read(x, [...index, ...rest])))), 1e-5)
    }
    if (x.ndim === 0) return
    const lines = [...indices(x.shape.slice(0, -1))].map((index) => Array.from({ length: x.shape[x.ndim - 1] }, (_, i) => read(x, [...index, i])))
    const best = NDArray.empty(x.shape.slice(0, -1))
    reference.argReduce('max', best, x)
    assert.equal(readAll(best), lines.map((line) => line.indexOf(Math.max(...line))))
    reference.argReduce('min', best, x)
    assert.equal(readAll(best), lines.map((line) => line.indexOf(Math.min(...line))))
    const running = NDArray.empty(x.shape)
    reference.cumsum(running, x)
    assertNear(readAll(running), lines.flatMap((line) => line.map((_, i) => reductions.sum(line.slice(0, i + 1)))), 1e-5)
  })
})

test('the sum of a million numbers is exact to float32', () => {
  const x = NDArray.full([1000, 1000], Math.fround(0.1))
  const out = NDArray.empty([])
  reference.reduce('sum', out, x, 2)
  assert.is(read(out, []), Math.fround(1e6 * Math.fround(0.1)))
})

test('softmax and its logarithm', () => {
  repeatedly(100, (draw) => {
    const x = scattered([...drawShape(draw, 2), 1 + draw(5)], draw)
    const out = NDArray.empty(x.shape)
    const lines = [...indices(x.shape.slice(0, -1))].map((index) => Array.from({ length: x.shape[x.ndim - 1] }, (_, i) => read(x, [...index, i])))
    const expected = lines.flatMap((line) => line.map((value) => Math.exp(value) / reductions.sum(line.map(Math.exp))))
    reference.softmax(out, x)
    assertNear(readAll(out), expected)
    reference.logSoftmax(out, x)
    assertNear(readAll(out), expected.map(Math.log))
  })
})

test('matrix products of any layout, batched, with and without bias, also of nothing', () => {
  repeatedly(150, (draw) => {
    const batch = drawShape(draw, 2)
    const [M, K, N] = [draw(6), draw(6), draw(6)]
    const a = numelOf([M, K]) > 0 ? scattered([...batch, M, K], draw) : NDArray.empty([...batch, M, K])
    const b = numelOf([K, N]) > 0 ? scattered([...batch, K, N], draw) : NDArray.empty([...batch, K, N])
    const bias = draw(2) === 0 || N === 0 ? null : scattered([N], draw)
    const out = NDArray.empty([...batch, M, N])
    reference.matmul(out, a, b, bias)
    const expected = [...indices(out.shape)].map((index) => {
      const [m, n] = index.slice(-2)
      const lead = index.slice(0, -2)
      return reductions.sum(Array.from({ length: K }, (_, k) => read(a, [...lead, m, k]) * read(b, [...lead, k, n]))) + (bias ? read(bias, [n]) : 0)
    })
    assertNear(readAll(out), expected, 1e-5)
    if (bias) return
    reference.matmul(out, a, b, 'out')
    assertNear(readAll(out), expected.map((value) => 2 * value), 1e-5)
  })
})

test('windows read the picture where they lie on it and the filling elsewhere; fold is the adjoint of unfold', () => {
  repeatedly(60, (draw) => {
    const [N, H, W, C] = [1 + draw(2), 3 + draw(4), 3 + draw(4), 1 + draw(2)]
    const windows = windowsOver('test', [N, C, H, W], { kernel: [1 + draw(3), 1 + draw(2)], stride: [1 + draw(3), 1 + draw(2)], padding: [draw(2), draw(2)], dilation: [1, 1 + draw(2)] })
    const x = scattered([N, H, W, C], draw)
    const out = NDArray.empty([N, ...windows.output, ...windows.kernel, C])
    reference.unfold(out, x, windows, 9)
    for (const [n, i, j, ky, kx, c] of indices(out.shape)) {
      const [row, column] = [i * windows.stride[0] - windows.padding[0] + ky * windows.dilation[0], j * windows.stride[1] - windows.padding[1] + kx * windows.dilation[1]]
      const inside = row >= 0 && row < H && column >= 0 && column < W
      assert.is(read(out, [n, i, j, ky, kx, c]), inside ? read(x, [n, row, column, c]) : 9)
    }
    // ⟨unfold(x), y⟩ = ⟨x, fold(y)⟩
    const y = scattered(out.shape, draw)
    const folded = NDArray.empty(x.shape)
    reference.unfold(out, x, windows, 0)
    reference.fold(folded, y, windows)
    const dot = (a: NDArray, b: NDArray) => reductions.sum(readAll(a).map((value, k) => value * readAll(b)[k]))
    assertNear([dot(out, y)], [dot(x, folded)], 1e-4)
  })
})

test('reading by index, and the adjoints that sum into what was read', () => {
  repeatedly(100, (draw) => {
    const x = scattered([1 + draw(4), ...drawShape(draw, 2)], draw)
    const index = scattered(drawShape(draw, 2), draw, () => draw(x.shape[0]))
    const rest = x.shape.slice(1)
    const taken = NDArray.empty([...index.shape, ...rest])
    reference.take(taken, x, index)
    for (const at of indices(index.shape)) for (const inner of indices(rest)) assert.is(read(taken, [...at, ...inner]), read(x, [read(index, at), ...inner]))
    const sums = NDArray.empty(x.shape)
    reference.putAdd(sums, taken, index)
    const counts = Array.from({ length: x.shape[0] }, (_, row) => readAll(index).filter((value) => value === row).length)
    assertNear(readAll(sums), [...indices(x.shape)].map((at) => read(x, at) * counts[at[0]]), 1e-5)

    const lead = drawShape(draw, 2)
    const rows = scattered([...lead, 1 + draw(4)], draw)
    const columns = scattered([...lead, 1 + draw(4)], draw, () => draw(rows.shape[rows.ndim - 1]))
    const gathered = NDArray.empty(columns.shape)
    reference.gather(gathered, rows, columns)
    for (const at of indices(columns.shape)) assert.is(read(gathered, at), read(rows, at.with(-1, read(columns, at))))
    const scatteredBack = NDArray.empty(rows.shape)
    reference.scatterAdd(scatteredBack, gathered, columns)
    const times = (at: readonly number[]) => Array.from({ length: columns.shape[columns.ndim - 1] }, (_, j) => read(columns, at.with(-1, j))).filter((value) => value === at[at.length - 1]).length
    assertNear(readAll(scatteredBack), [...indices(rows.shape)].map((at) => read(rows, at) * times(at)), 1e-5)
  })
})

test('layer normalisation of rows', () => {
  repeatedly(50, (draw) => {
    const [R, n] = [1 + draw(3), 2 + draw(5)]
    const [x, weight, bias] = [scattered([R, n], draw, () => draw(1000) / 100), scattered([n], draw), scattered([n], draw)]
    const [y, mean, rstd] = [NDArray.empty([R, n]), NDArray.empty([R]), NDArray.empty([R])]
    reference.layerNorm(y, mean, rstd, x, weight, bias, 1e-3)
    for (let r = 0; r < R; r++) {
      const row = Array.from({ length: n }, (_, i) => read(x, [r, i]))
      const average = reductions.sum(row) / n
      const deviation = Math.sqrt(reductions.sum(row.map((value) => (value - average) ** 2)) / n + 1e-3)
      assertNear([read(mean, [r]), read(rstd, [r])], [average, 1 / deviation], 1e-5)
      row.forEach((value, i) => assertNear([read(y, [r, i])], [((value - average) / deviation) * read(weight, [i]) + read(bias, [i])], 1e-4))
    }
  })
})

test('attention: weights are the softmax of scaled scores, the result is their mean of the values, with and without dropout', () => {
  repeatedly(50, (draw) => {
    const [B, h, N, M, d, e] = [1 + draw(2), 1 + draw(3), 1 + draw(4), 1 + draw(4), 1 + draw(3), 1 + draw(3)]
    const [q, k, v] = [scattered([B, h, N, d], draw), scattered([B, h, M, d], draw), scattered([B, h, M, e], draw)]
    const mask = draw(2) === 0 ? null : scattered([B, h, N, M], draw, () => 2 * draw(2))
    const out = NDArray.empty([B, N, h, e]).transpose(1, 2)
    const weights = NDArray.empty([B, h, N, M])
    reference.attention(out, weights, q, k, v, mask, 0.5)
    const range = (length: number) => Array.from({ length }, (_, i) => i)
    for (const [b, head, n] of indices([B, h, N])) {
      const scores = range(M).map((m) => Math.exp(0.5 * reductions.sum(range(d).map((i) => read(q, [b, head, n, i]) * read(k, [b, head, m, i])))))
      const expected = scores.map((score) => score / reductions.sum(scores))
      assertNear(range(M).map((m) => read(weights, [b, head, n, m])), expected, 1e-5)
      const mixed = (i: number) => reductions.sum(range(M).map((m) => expected[m] * (mask ? read(mask, [b, head, n, m]) : 1) * read(v, [b, head, m, i])))
      assertNear(range(e).map((i) => read(out, [b, head, n, i])), range(e).map(mixed), 1e-5)
    }
  })
})

// math.erf of Python
test('erf has fifteen digits', () => {
  const known = [[1e-30, 1.1283791670955127e-30], [1e-4, 0.00011283791633342487], [0.1, 0.1124629160182849], [0.5, 0.5204998778130465], [0.84375, 0.7672256612323416], [1, 0.8427007929497149], [1.5, 0.9661051464753108], [2, 0.9953222650189527], [2.9, 0.9999589021219005], [3, 0.9999779095030014], [3.1, 0.9999883513426328], [4, 0.9999999845827421], [5, 0.9999999999984626], [7, 1]]
  for (const [x, y] of known) for (const sign of [1, -1]) assert.ok(Math.abs(erf(sign * x) - sign * y) <= 2e-15 * Math.abs(y), `erf(${sign * x})`)
  assert.equal([0, -0, Infinity, -Infinity, NaN].map(erf), [0, -0, 1, -1, NaN])
})

test('erfinv inverts erf to float32 precision', () => {
  for (let i = -999; i <= 999; i++) {
    const y = Math.fround(i / 1000)
    const x = erfinv(y)
    // A step of one in the last place of y moves x by its derivative, √π/2 · exp(x²), times that step.
    assert.ok(Math.abs(erf(x) - y) <= 2 ** -23 * (1 + Math.abs(x) * Math.exp(-x * x)), `erfinv(${y}) = ${x}`)
  }
  assert.equal([1, -1, 1.5, NaN].map(erfinv), [Infinity, -Infinity, NaN, NaN])
})

test.run()
