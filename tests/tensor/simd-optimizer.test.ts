/** The SIMD optimizers against their reference twins. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { AdamRule, AdamStep, LerpStep, RMSpropRule, RMSpropStep, SGDRule, SGDStep } from '../../lib/tensor/kernels/kernels.ts'
import * as adamTwin from '../../lib/tensor/kernels/reference/adam.ts'
import * as lerpTwin from '../../lib/tensor/kernels/reference/lerp.ts'
import * as rmspropTwin from '../../lib/tensor/kernels/reference/rmsprop.ts'
import * as sgdTwin from '../../lib/tensor/kernels/reference/sgd.ts'
import { emitCopy } from '../../lib/tensor/kernels/simd/copy.ts'
import { adam, emitOptimizer, lerp, rmsprop, sgd } from '../../lib/tensor/kernels/simd/optimizer.ts'
import type { NDArray } from '../../lib/tensor/ndarray.ts'
import { assertClose, engines, numbers, surroundings, useDefault, useReference } from './simd-engines.ts'

test.before.each(useReference)
test.after.each(useDefault)

/** Sizes of parameters: none, less than a vector, odd ones, and more than one slice. */
const SIZES = [0, 1, 2, 3, 4, 5, 8, 17, 63, 8195]

const flags = (count: number) => Array.from({ length: 2 ** count }, (_, bits) => Array.from({ length: count }, (_, i) => (bits >> i) % 2 === 1))

for (const engine of engines((module, target) => {
  emitCopy(module)
  emitOptimizer(module, target)
})) {
  const { runtime, array, random } = engine
  const titled = (title: string) => `${title} (${engine.name})`
  /** The same numbers twice, at different alignments. */
  const pair = (x: NDArray, offset: number) => [array(numbers(x), x.shape, offset), array(numbers(x), x.shape, (offset + 1) % 4)] as const
  const zeros = (n: number, offset: number) => pair(array(new Float32Array(n), [n]), offset)

  /** Compares arrays of the two engines after a step; what lies around them must be untouched. */
  function same(actual: object, expected: object, what: string): void {
    const others = new Map(Object.entries(expected))
    for (const [name, x] of Object.entries(actual)) {
      if (typeof x !== 'object' || x === null) continue
      assertClose(numbers(x), numbers(others.get(name)), { relative: 2e-5, absolute: 2e-6 }, `${name} ${what}`)
      assert.ok(surroundings(x).every(Number.isNaN), `${what} wrote outside of ${name}`)
    }
  }

  test(titled('SGD moves all parameters by the reference rule'), () => {
    for (const [withMomentum, nesterov, decay, maximize, dampened] of flags(5)) {
      const rule: SGDRule = { lr: 0.1, momentum: withMomentum ? 0.9 : 0, nesterov: withMomentum && nesterov, weightDecay: decay ? 0.01 : 0, maximize, dampening: dampened && withMomentum && !nesterov ? 0.3 : 0 }
      const params = SIZES.map((n, i) => ({ param: pair(random([n]), i % 4), momentum: zeros(n, (i + 1) % 4) }))
      for (let step = 0; step < 2; step++) {
        const grads = SIZES.map((n, i) => pair(random([n]), (i + 2) % 4))
        const [steps, twins] = [0, 1].map((side): SGDStep[] => params.map(({ param, momentum }, i) => ({ param: param[side], grad: grads[i][side], momentum: withMomentum ? momentum[side] : null, first: step === 0 })))
        sgd(runtime, steps, rule)
        sgdTwin.sgd(twins, rule)
        steps.forEach((actual, i) => same(actual, twins[i], `of ${SIZES[i]} numbers after step ${step}, ${JSON.stringify(rule)}`))
      }
    }
  })

  test(titled('Adam and AdamW move all parameters by the reference rule'), () => {
    for (const [amsgrad, decay, decoupled, maximize] of flags(4)) {
      const rule: AdamRule = { lr: 0.01, betas: [0.9, 0.999], eps: 1e-8, weightDecay: decay ? 0.05 : 0, decoupled, maximize }
      const params = SIZES.map((n, i) => ({ param: pair(random([n]), i % 4), expAvg: zeros(n, (i + 1) % 4), expAvgSq: zeros(n, (i + 2) % 4), maxExpAvgSq: zeros(n, i % 3) }))
      for (let step = 1; step <= 2; step++) {
        const grads = SIZES.map((n, i) => pair(random([n]), (i + 2) % 4))
        // Parameters that joined later are at another step.
        const [steps, twins] = [0, 1].map((side): AdamStep[] => params.map(({ param, expAvg, expAvgSq, maxExpAvgSq }, i) => ({
          param: param[side], grad: grads[i][side], expAvg: expAvg[side], expAvgSq: expAvgSq[side], maxExpAvgSq: amsgrad ? maxExpAvgSq[side] : null, step: step + (i % 2) * 5,
        })))
        adam(runtime, steps, rule)
        adamTwin.adam(twins, rule)
        steps.forEach((actual, i) => same(actual, twins[i], `of ${SIZES[i]} numbers after step ${step}, ${JSON.stringify(rule)}`))
      }
    }
  })

  test(titled('RMSprop moves all parameters by the reference rule'), () => {
    for (const [centered, withMomentum, decay, maximize] of flags(4)) {
      const rule: RMSpropRule = { lr: 0.01, alpha: 0.9, eps: 1e-2, momentum: withMomentum ? 0.9 : 0, weightDecay: decay ? 0.05 : 0, maximize }
      const params = SIZES.map((n, i) => ({ param: pair(random([n]), i % 4), squareAvg: zeros(n, (i + 1) % 4), gradAvg: zeros(n, (i + 2) % 4), momentum: zeros(n, i % 3) }))
      for (let step = 1; step <= 2; step++) {
        const grads = SIZES.map((n, i) => pair(random([n]), (i + 2) % 4))
        const [steps, twins] = [0, 1].map((side): RMSpropStep[] => params.map(({ param, squareAvg, gradAvg, momentum }, i) => ({
          param: param[side], grad: grads[i][side], squareAvg: squareAvg[side], gradAvg: centered ? gradAvg[side] : null, momentum: withMomentum ? momentum[side] : null,
        })))
        rmsprop(runtime, steps, rule)
        rmspropTwin.rmsprop(twins, rule)
        steps.forEach((actual, i) => same(actual, twins[i], `of ${SIZES[i]} numbers after step ${step}, ${JSON.stringify(rule)}`))
      }
    }
  })

  test(titled('running means of all tensors move by the reference rule'), () => {
    for (const weight of [0, 0.001, 1 / 3, 1]) {
      const tensors = SIZES.map((n, i) => ({ mean: pair(random([n]), i % 4), value: pair(random([n]), (i + 1) % 4) }))
      const [steps, twins] = [0, 1].map((side): LerpStep[] => tensors.map(({ mean, value }) => ({ mean: mean[side], value: value[side] })))
      lerp(runtime, steps, weight)
      lerpTwin.lerp(twins, weight)
      steps.forEach((actual, i) => same(actual, twins[i], `of ${SIZES[i]} numbers, weight ${weight}`))
    }
  })

  const PLAIN: SGDRule = { lr: 0.5, momentum: 0, nesterov: false, weightDecay: 0, maximize: false, dampening: 0 }
  const ADAM: AdamRule = { lr: 0.01, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, decoupled: false, maximize: false }

  test(titled('gradients may have any strides'), () => {
    const [param, twin] = pair(random([33, 65]), 1)
    const other = random([7])
    for (const grad of [random([65, 33]).transpose(0, 1), random([65]).expand([33, 65]), random([33, 70]).narrow(1, 2, 65), random([1, 1]).expand([33, 65])]) {
      sgd(runtime, [{ param: other, grad: random([7]), momentum: null, first: true }, { param, grad, momentum: null, first: true }], PLAIN)
      sgdTwin.sgd([{ param: twin, grad: array(numbers(grad), grad.shape), momentum: null, first: true }], PLAIN)
      assertClose(numbers(param), numbers(twin), { relative: 1e-6, absolute: 1e-6 }, `strides ${grad.strides}`)
    }
  })

  test(titled('no parameters, and parameters without numbers, are no work'), () => {
    sgd(runtime, [], PLAIN)
    adam(runtime, [], ADAM)
    rmsprop(runtime, [], { lr: 0.1, alpha: 0.9, eps: 1, momentum: 0, weightDecay: 0, maximize: false })
    sgd(runtime, [{ param: random([0]), grad: random([0]), momentum: null, first: true }], PLAIN)
  })

  test(titled('a step leaves the heap as full as it was'), () => {
    const step: SGDStep = { param: random([9, 5]), grad: random([5, 9]).transpose(0, 1), momentum: null, first: true }
    const before = runtime.heap.used
    sgd(runtime, [step], PLAIN)
    assert.is(runtime.heap.used, before)
  })

  test(titled('a momentum buffer is started from the gradient, whatever it held'), () => {
    const step: SGDStep = { param: array([1, 2, 3, 4, 5], [5]), grad: array([1, 2, 3, 4, 5], [5]), momentum: array([NaN, Infinity, -1, 1e30, 0], [5]), first: true }
    sgd(runtime, [step], { ...PLAIN, momentum: 0.9, dampening: 0.5 })
    assert.equal(step.momentum && numbers(step.momentum), [1, 2, 3, 4, 5])
    assert.equal(numbers(step.param), [0.5, 1, 1.5, 2, 2.5])
  })

  const EDGES = [NaN, Infinity, -Infinity, 0, 1e30, -1e30, 1e38, 1e-18, -1e-30]

  test(titled('NaN, infinities, huge and tiny numbers end as in the reference'), () => {
    const all = EDGES.flatMap((w) => EDGES.map((g) => [w, g]))
    const [ws, gs] = [0, 1].map((i) => all.map((pair) => pair[i]))
    for (const weightDecay of [0, 0.1]) {
      const [params, grads, m, v, max] = [pair(array(ws, [81]), 1), pair(array(gs, [81]), 2), zeros(81, 3), zeros(81, 0), zeros(81, 1)]
      for (let step = 1; step < 3; step++) {
        const at = [0, 1].map((side): AdamStep => ({ param: params[side], grad: grads[side], expAvg: m[side], expAvgSq: v[side], maxExpAvgSq: max[side], step }))
        adam(runtime, [at[0]], { ...ADAM, weightDecay })
        adamTwin.adam([at[1]], { ...ADAM, weightDecay })
        assertClose(numbers(params[0]), numbers(params[1]), { relative: 1e-6, absolute: 1e-9 }, `Adam with decay ${weightDecay}`)
      }
      const [weights, velocity] = [pair(array(ws, [81]), 1), zeros(81, 0)]
      for (let step = 0; step < 2; step++) {
        const at = [0, 1].map((side): SGDStep => ({ param: weights[side], grad: grads[side], momentum: velocity[side], first: step === 0 }))
        sgd(runtime, [at[0]], { ...PLAIN, momentum: 0.9, weightDecay })
        sgdTwin.sgd([at[1]], { ...PLAIN, momentum: 0.9, weightDecay })
        assertClose(numbers(weights[0]), numbers(weights[1]), { relative: 1e-6, absolute: 1e-29 }, `SGD with decay ${weightDecay}`)
      }
    }
  })

  test(titled('running means end before they become denormal'), () => {
    const at = () => ({ param: array([1, 2, 3, 4, 5], [5]), grad: array([0, 0, 0, 0, 0], [5]), expAvg: array([1e-36, -1e-36, 1e-38, 1e-45, 0], [5]), expAvgSq: array([1.1755e-38, 1e-40, 1e-45, 0, 1e-38], [5]), maxExpAvgSq: null, step: 900 })
    const step = at()
    adam(runtime, [step], ADAM)
    for (const mean of [step.expAvg, step.expAvgSq]) assert.equal(numbers(mean), [0, 0, 0, 0, 0])
    assert.equal(numbers(step.param), [1, 2, 3, 4, 5])
    const moving: SGDStep = { param: step.param, grad: step.grad, momentum: at().expAvg, first: false }
    sgd(runtime, [moving], { ...PLAIN, momentum: 0.9 })
    assert.equal(moving.momentum && numbers(moving.momentum), [0, 0, 0, 0, 0])
  })

  test(titled('squares too small for a normal number count as 0'), () => {
    const step: AdamStep = { param: array([1, 1, 1, 1], [4]), grad: array([1e-19, -3e-18, 1e-25, 4e-18], [4]), expAvg: array([0, 0, 0, 0], [4]), expAvgSq: array([0, 0, 0, 0], [4]), maxExpAvgSq: null, step: 1 }
    adam(runtime, [step], ADAM)
    assertClose(numbers(step.expAvgSq), [0, 0, 0, 1.6e-38], { relative: 1e-4 }, 'squares')
    assertClose(numbers(step.expAvg), [1e-20, -3e-19, 1e-26, 4e-19], { relative: 1e-6 }, 'means')
  })
}

test.run()
