/** Gradients that meet are added in place where nobody can see it. Expected values are those of a pass that is recorded, which makes new sums. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { manualSeed, nn, randn, type Tensor } from 'vitgrad'

/** What a user can hold of the gradients of a model in which several ways lead to the same values. */
function gradients(createGraph: boolean): Record<string, number[]> {
  manualSeed(0)
  const [width, tokens] = [24, 300]
  const [norm, q, k, shared] = [new nn.LayerNorm(width), new nn.Linear(width, width), new nn.Linear(width, width, { bias: false }), new nn.Linear(width, width)]
  const x = randn([4, tokens, width], { requiresGrad: true })
  const given = randn(4, tokens, width)
  const seen: Record<string, Tensor> = { given }
  // What is made later sends its gradient first: to h the sums, then norm, then k; to attended the sum, then norm, then shared.
  const h = x.mul(2)
  const [first, second] = [k(h), q(norm(h))]
  const attended = h.add(first).add(second)
  const third = shared(shared(attended))
  const y = attended.add(norm(attended)).add(third)
  h.registerHook((grad) => void (seen.hooked = grad))
  attended.retainGrad()
  y.backward(given, { createGraph })
  for (const [key, parameter] of Object.entries({ norm: norm.weight, q: q.weight, k: k.weight, shared: shared.weight, bias: shared.bias })) if (parameter?.grad) seen[key] = parameter.grad
  if (x.grad) seen.x = x.grad
  if (attended.grad) seen.attended = attended.grad
  // What comes later must not change what has been handed out.
  norm(x.mul(3)).add(k(x)).sum().backward()
  return Object.fromEntries(Object.entries(seen).map(([key, tensor]) => [key, [...tensor.reshape([-1]).data]]))
}

test('gradients that meet are summed, and those in the hands of the user stay as they are', () => {
  const [expected, actual] = [gradients(true), gradients(false)]
  assert.equal(Object.keys(actual), ['given', 'hooked', 'norm', 'q', 'k', 'shared', 'bias', 'x', 'attended'])
  for (const [key, values] of Object.entries(expected)) {
    const scale = Math.max(...values.map(Math.abs))
    const worst = Math.max(...values.map((value, i) => Math.abs(value - actual[key][i])))
    assert.ok(worst <= 1e-5 * scale, `${key}: off by ${worst}, of ${scale}`)
  }
})

test.run()
