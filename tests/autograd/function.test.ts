/** autograd.Function, checkpoint and detectAnomaly. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { autograd, GraphError, manualSeed, nn, ones, rand, randn, tensor, ValueError, type Tensor } from 'vitgrad'
import { isError } from '../is-error.ts'
import { assertClose } from './close.ts'

type Context = autograd.FunctionContext
const leaf = (values: number[]) => tensor(values, { requiresGrad: true })

class Scale extends autograd.Function {
  static forward(ctx: Context, x: Tensor, factor: number): Tensor {
    ctx.saveForBackward(tensor(factor))
    return x.mul(factor)
  }
  static backward(ctx: Context, grad: Tensor) {
    return [grad.mul(ctx.savedTensors[0]), null]
  }
}

class Cube extends autograd.Function {
  static forward(ctx: Context, x: Tensor): Tensor {
    ctx.saveForBackward(x)
    return x.pow(3)
  }
  static backward(ctx: Context, grad: Tensor) {
    const [x] = ctx.savedTensors
    return grad.mul(x).mul(x).mul(3)
  }
}

/** Forgets the inner derivative. */
class WrongCube extends autograd.Function {
  static forward(ctx: Context, x: Tensor): Tensor {
    ctx.saveForBackward(x)
    return x.pow(3)
  }
  static backward(ctx: Context, grad: Tensor) {
    return grad.mul(ctx.savedTensors[0])
  }
}

/** The right gradient, as a number without history. */
class ConstantCube extends autograd.Function {
  static forward(ctx: Context, x: Tensor): Tensor {
    ctx.saveForBackward(x)
    return x.pow(3)
  }
  static backward(ctx: Context, grad: Tensor) {
    return grad.mul(ctx.savedTensors[0].detach().pow(2).mul(3))
  }
}

class SumAndDifference extends autograd.Function {
  static forward(_: Context, a: Tensor, b: Tensor): Tensor[] {
    return [a.add(b), a.sub(b)]
  }
  static backward(ctx: Context, sum: Tensor, difference: Tensor) {
    return ctx.needsInputGrad.map((needed, i) => (needed ? (i === 0 ? sum.add(difference) : sum.sub(difference)) : null))
  }
}

test('a Function has its own gradient, null for arguments that are no tensors, and the name of its class', () => {
  const x = leaf([1, 2])
  const y = Scale.apply(x, 5)
  assert.match(String(y), 'grad_fn=<ScaleBackward>')
  y.sum().backward()
  assertClose(x.grad, [5, 5])
})

test('a Function of differentiable operations can be differentiated again', () => {
  assert.ok(autograd.gradcheck((x) => Cube.apply(x), [leaf([0.5, -1])]))
  assert.ok(autograd.gradgradcheck((x) => Cube.apply(x), [leaf([0.5, -1])]))
})

test('gradcheck finds a wrong gradient, gradgradcheck a gradient that cannot be differentiated', () => {
  const x = leaf([0.5, -1])
  assert.throws(() => autograd.gradcheck((t) => WrongCube.apply(t), [x]), /gradcheck: along random direction 0 backward\(\) gives .*, finite differences give/)
  assert.not.ok(autograd.gradcheck((t) => WrongCube.apply(t), [x], { raiseException: false }))
  assert.ok(autograd.gradcheck((t) => ConstantCube.apply(t), [x]))
  assert.not.ok(autograd.gradgradcheck((t) => ConstantCube.apply(t), [x], { raiseException: false }))
  assert.not.ok(autograd.gradcheck((t) => t.detach().mul(2), [x], { raiseException: false }))
  assert.throws(() => autograd.gradcheck((t) => t, [ones([1])]), isError(GraphError))
})

test('a Function may have several outputs; one that is not used counts with gradient 0', () => {
  const [a, b] = [leaf([1, 2]), leaf([3, 4])]
  const [sum, difference] = SumAndDifference.apply(a, b)
  sum.mul(difference).sum().backward() // a² − b²
  assertClose(a.grad, [2, 4])
  assertClose(b.grad, [-6, -8])
  const [, alone] = SumAndDifference.apply(a, ones([2]))
  a.grad = null
  alone.sum().backward()
  assertClose(a.grad, [1, 1])
})

test('a Function that returns its input as it is makes a tensor of its own', () => {
  class Reverse extends autograd.Function {
    static forward(_: Context, x: Tensor): Tensor {
      return x
    }
    static backward(_: Context, grad: Tensor) {
      return grad.neg()
    }
  }
  const x = leaf([1, 2])
  const y = Reverse.apply(x)
  assert.is.not(y, x)
  y.sum().backward()
  assertClose(x.grad, [-1, -1])
})

test('a wrong number of gradients, a gradient of the wrong shape and a saved tensor that changed are refused', () => {
  class TwoForOne extends autograd.Function {
    static forward(_: Context, x: Tensor): Tensor {
      return x.mul(1)
    }
    static backward(_: Context, grad: Tensor): Tensor[] {
      return [grad, grad]
    }
  }
  class Summed extends TwoForOne {
    static override backward(_: Context, grad: Tensor): Tensor[] {
      return [grad.sum()]
    }
  }
  const x = leaf([1, 2])
  assert.throws(() => TwoForOne.apply(x).sum().backward(), isError(ValueError, /TwoForOne: backward returned 2 gradients for 1 arguments/))
  assert.throws(() => Summed.apply(x).sum().backward(), isError(GraphError, /SummedBackward: the gradient of input 0 has shape \(\), the input has \(2,\)/))
  const saved = x.mul(1)
  const cube = Cube.apply(saved)
  saved.add_(1)
  assert.throws(() => cube.sum().backward(), /Cube needs for its gradient was changed/)
  assert.is(x.grad, null)
})

test('checkpoint gives the same values and gradients, of inputs and parameters, with the same dropout masks and later draws', () => {
  const run = (through: (fn: (x: Tensor) => Tensor, x: Tensor) => Tensor) => {
    manualSeed(3)
    const layer = new nn.Linear(4, 4)
    const x = randn([5, 4], { requiresGrad: true })
    const y = through((t) => nn.functional.dropout(layer(t).relu(), 0.5), x)
    const between = rand([2])
    y.mul(y).sum().backward()
    return [y, between, rand([2]), x.grad, layer.weight.grad].map((t) => t?.tolist())
  }
  assert.equal(run(autograd.checkpoint), run((fn, x) => fn(x)))
})

// torch: Checkpointing is not compatible with .grad()
test('checkpoint refuses grad() and createGraph, whose gradients it would lose', () => {
  const x = leaf([1, 2])
  const y = () => autograd.checkpoint((t) => t.pow(3), x).sum()
  assert.throws(() => autograd.grad(y(), x), isError(GraphError, /only by backward\(\)/))
  assert.throws(() => y().backward({ createGraph: true }), isError(GraphError))
  y().backward()
  assertClose(x.grad, [3, 12])
})

test('detectAnomaly names the operation whose gradient first became NaN, and where it was called', () => {
  const x = leaf([0, 1])
  const loss = () => x.sqrt().mul(0).sum() // 0 · ∞
  loss().backward()
  assert.ok(Number.isNaN(x.grad?.data[0]))
  const here = /SqrtBackward0: returned NaN as the gradient of its input 0; it was called at\n(.*\n)*.*function\.test\.ts/
  assert.throws(() => autograd.detectAnomaly(() => loss().backward()), isError(GraphError, here))
  x.grad = null
  loss().backward() // and looks for nothing afterwards
})

test('apply knows its class when it is taken by itself', () => {
  const cube = Cube.apply as (x: Tensor) => Tensor
  const x = leaf([2])
  assert.is(String(cube(x)), 'tensor([8.], grad_fn=<CubeBackward>)')
  assert.ok(autograd.gradcheck(Cube.apply, [x]))
})

// ctx.k = k; s = x.sign(); ctx.mark_non_differentiable(s); return x * k, s, x.argmax()   with x = tensor([1., -3.]), k = 4
test('outputs that are marked, and those of whole numbers, have no gradient; backward sees zeros for them, and what forward has set on ctx', () => {
  const seen: unknown[] = []
  class ScaleAndSign extends autograd.Function {
    static forward(ctx: Context, x: Tensor, k: number): Tensor[] {
      ctx.k = k
      const sign = x.sign()
      ctx.markNonDifferentiable(sign)
      return [x.mul(k), sign, x.argmax()]
    }
    static backward(ctx: Context, ...grads: Tensor[]) {
      seen.push(...grads.map((grad) => grad.tolist()))
      return [grads[0].mul(ctx.k as number), null, null]
    }
  }
  const x = leaf([1, -3])
  const outputs = ScaleAndSign.apply(x, 4)
  assert.equal(outputs.map(String), ['tensor([  4., -12.], grad_fn=<ScaleAndSignBackward>)', 'tensor([ 1., -1.])', 'tensor(0)'])
  outputs[0].sum().add(outputs[1].sum()).backward()
  assert.equal(seen, [[1, 1], [0, 0], 0])
  assert.equal(x.grad?.tolist(), [4, 4])
})

test('after setMaterializeGrads(false) backward sees null for an output that nothing was computed from', () => {
  const seen: unknown[] = []
  class TwoAndThree extends autograd.Function {
    static forward(ctx: Context, x: Tensor): Tensor[] {
      ctx.setMaterializeGrads(false)
      return [x.mul(2), x.mul(3)]
    }
    static backward(_: Context, two: Tensor | null, three: Tensor | null) {
      seen.push(two?.tolist(), three)
      return two && two.mul(2)
    }
  }
  const x = leaf([1, -3])
  TwoAndThree.apply(x)[0].sum().backward()
  assert.equal(seen, [[1, 1], null])
  assert.equal(x.grad?.tolist(), [2, 2])
})

// x.mul_(3); ctx.mark_dirty(x); return x   with h = x * 2; r = I.apply(h); (h * h).sum().backward(); x.grad -> [72, -216]
test('an argument that is marked dirty is the output itself, with its history', () => {
  class Triple extends autograd.Function {
    static forward(ctx: Context, x: Tensor): Tensor {
      ctx.markDirty(x)
      return x.mul_(3)
    }
    static backward(_: Context, grad: Tensor) {
      return grad.mul(3)
    }
  }
  const x = leaf([1, -3])
  const h = x.mul(2)
  assert.is(Triple.apply(h), h)
  assert.is(String(h), 'tensor([  6., -18.], grad_fn=<TripleBackward>)')
  h.mul(h).sum().backward()
  assert.equal(x.grad?.tolist(), [72, -216])
  assert.throws(() => Triple.apply(leaf([1])), isError(GraphError, /leaf of shape \(1,\)/))
})

test.run()
