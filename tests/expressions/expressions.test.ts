/** Expressions beside PyTorch's: results, strides, labels, printed text with names of nodes, gradients, refusals. golden.py wrote what is expected. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as vitgrad from 'vitgrad'
import { arange, manualSeed, tensor, Tensor } from 'vitgrad'

type Value = number | 'NaN' | 'Infinity' | '-Infinity'

type Description =
  | { readonly text: string; readonly dtype: string; readonly shape: readonly number[]; readonly strides: readonly (number | null)[]; readonly data: readonly Value[] }
  | { readonly module: string }
  | { readonly list: readonly Description[] }
  | { readonly value: Value | string | boolean | null }

interface Case {
  readonly python: string
  readonly vitgrad: string
  /** null where PyTorch refuses. */
  readonly result: Description | null
  readonly grads?: Readonly<Record<string, readonly Value[] | null>> | null
}

const cases: readonly Case[] = JSON.parse(readFileSync(new URL('golden.json', import.meta.url), 'utf8'))
const NUMBER = /-?\d+(\.\d*)?(e[+-]\d+)?|-?\binf\b|\bnan\b/g
// `var` cannot be the name of a parameter: it is vitgrad.var.
const { var: _, ...named } = vitgrad
const library = { ...named, vitgrad, F: vitgrad.nn.functional }

/** What an expression gives after seed 0, and the values of some of the names that it defines. */
function evaluate(program: string, names: readonly string[]): { readonly result: unknown; readonly values: Readonly<Record<string, unknown>> } {
  const statements = program.split('; ')
  const last = statements.pop()
  manualSeed(0)
  return new Function(...Object.keys(library), `${statements.join(';')}; return { result: ${last}, values: { ${names.join(', ')} } }`)(...Object.values(library))
}

const isIterable = (x: unknown): x is Iterable<unknown> => typeof x === 'object' && x !== null && Symbol.iterator in x
const isModule = (x: unknown): x is vitgrad.nn.AnyModule => typeof x === 'function' && 'namedParameters' in x
const listed = (x: unknown): unknown[] => (isIterable(x) && !(x instanceof Tensor) ? [...x] : [x])

/** Numbers within 2e-5, and that share of their size. */
function assertNumbers(got: ArrayLike<number>, expected: readonly Value[], what: string): void {
  assert.is(got.length, expected.length, what)
  expected.map(Number).forEach((value, i) => {
    const near = Object.is(got[i], value) || got[i] === value || Math.abs(got[i] - value) <= 2e-5 * (1 + Math.abs(value))
    assert.ok(near, `${what}: ${got[i]} at ${i}, not ${value}`)
  })
}

function assertDescribed(x: unknown, expected: Description, what: string): void {
  if ('list' in expected) {
    const items = listed(x)
    assert.is(items.length, expected.list.length, what)
    expected.list.forEach((item, i) => assertDescribed(items[i], item, `${what}[${i}]`))
  } else if ('module' in expected) assert.is(String(x), expected.module, what)
  else if ('value' in expected) assertValue(x, expected.value, what)
  else {
    if (!(x instanceof Tensor)) return assert.unreachable(`${what}: ${String(x)} is no tensor`)
    assert.equal([x.dtype, x.shape], [expected.dtype, expected.shape], what)
    assert.equal(x.stride().map((stride, d) => (expected.strides[d] === null ? null : stride)), expected.strides, `${what}: strides`)
    assertNumbers(x.data, expected.data, what)
    assert.is(String(x).replace(NUMBER, '#'), expected.text, `${what}: text`)
  }
}

function assertValue(x: unknown, expected: Value | string | boolean | null, what: string): void {
  if (typeof x === 'number') assertNumbers([x], [Number(expected)], what)
  else assert.is(x ?? null, expected, what)
}

function assertGradients(result: unknown, values: Readonly<Record<string, unknown>>, expected: NonNullable<Case['grads']>, what: string): void {
  const outputs = listed(result).filter((x) => x instanceof Tensor).filter((x) => x.gradFn)
  const sum = outputs.reduce((total, x) => total.add(x.mul(arange(x.numel()).mul(1.7).add(0.3).cos().reshape(x.shape)).sum()), tensor(0))
  sum.backward()
  const grads = Object.entries(values).flatMap(([name, x]): [string, Tensor | null][] => {
    if (isModule(x)) return [...x.namedParameters()].map(([key, param]) => [`${name}.${key}`, param.grad])
    return x instanceof Tensor ? [[name, x.grad]] : []
  })
  assert.equal(grads.map(([name]) => name).sort(), Object.keys(expected).sort(), `${what}: names of gradients`)
  for (const [name, grad] of grads) {
    const wanted = expected[name]
    if (grad && wanted) assertNumbers(grad.data, wanted, `${what}: gradient of ${name}`)
    else assert.is(grad, wanted, `${what}: gradient of ${name}`)
  }
}

for (const { python, vitgrad: program, result: expected, grads } of cases) {
  test(python, () => {
    const names = [...new Set(Object.keys(grads ?? {}).map((name) => name.split('.')[0]))]
    if (!expected) return assert.throws(() => evaluate(program, []), /\n {2}help: /, program)
    const { result, values } = evaluate(program, names)
    assertDescribed(result, expected, program)
    if (grads) assertGradients(result, values, grads, program)
  })
}

test('the expressions are those of expressions.txt, and many', () => {
  const lines = readFileSync(new URL('expressions.txt', import.meta.url), 'utf8').split('\n').filter((line) => line && !line.startsWith('#'))
  assert.equal(cases.flatMap((entry) => [entry.python, entry.vitgrad]), lines.map((line) => line.trim()))
  assert.ok(cases.length > 900)
})

test.run()
