/** What golden.py recorded of PyTorch, and how tensors are compared with it. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import type { Tensor } from 'vitgrad'

type Value = number | 'NaN' | 'Infinity' | '-Infinity'

/** The first three numbers, and the SHA-1 of all bytes. */
export type Fingerprint = readonly [first: readonly Value[], sha1: string]

export interface Run {
  readonly seed: number
  readonly outputs: readonly (readonly Value[])[]
  readonly grad: number
  readonly grads: Readonly<Record<string, number>>
  readonly buffers: Readonly<Record<string, readonly Value[]>>
  readonly next: number
}

interface Golden {
  readonly text: Readonly<Record<string, string>>
  readonly draws: Readonly<Record<string, { readonly parameters: Readonly<Record<string, Fingerprint>>; readonly next: number }>>
  readonly init: Readonly<Record<string, { readonly value: Fingerprint; readonly next: number }>>
  readonly orthogonal: Readonly<Record<string, { readonly shape: readonly number[]; readonly value: readonly Value[]; readonly next: number }>>
  readonly losses: Readonly<Record<string, { readonly value: Value; readonly grad: readonly Value[]; readonly text: string }>>
  readonly runs: Readonly<Record<string, Run>>
  readonly functions: Readonly<Record<string, readonly [shape: readonly number[], values: readonly Value[]]>>
}

export const golden: Golden = JSON.parse(readFileSync(new URL('golden.json', import.meta.url), 'utf8'))

export function fingerprint(x: Tensor): Fingerprint {
  const bytes = new Uint8Array(Float32Array.from(x.data).buffer)
  return [[...x.data.slice(0, 3)], createHash('sha1').update(bytes).digest('hex')]
}

/** The same bits. */
export function assertSame(x: Tensor, [first, sha1]: Fingerprint, what: string): void {
  assert.equal(fingerprint(x), [first.map((value) => Math.fround(Number(value))), sha1], what)
}

/** Each number within `tolerance`, and within that share of its size. */
export function assertClose(actual: Iterable<number>, expected: Iterable<Value>, what = '', tolerance = 3e-6): void {
  const [got, want] = [[...actual], Array.from(expected, Number)]
  assert.is(got.length, want.length, `${what}: number of values`)
  got.forEach((value, i) => {
    if (Object.is(value, want[i])) return
    assert.ok(Math.abs(value - want[i]) <= tolerance * (1 + Math.abs(want[i])), `${what}: ${value} at ${i}, expected ${want[i]}`)
  })
}

/** One number for a gradient: its sum with the weights that golden.py takes. */
export function projected(grad: Tensor): number {
  return grad.data.reduce((sum, value, i) => sum + value * (((i * 7919) % 101) / 50 - 1), 0)
}
