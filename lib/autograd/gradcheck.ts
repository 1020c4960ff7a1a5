/**
 * Checking gradients against finite differences.
 *
 * For a random direction v of the inputs and random weights w of the outputs, the number ⟨w, J·v⟩ is computed twice: by
 * backward() as ⟨Jᵀ·w, v⟩ and as the central difference of ⟨w, fn(x ± h·v)⟩. One wrong entry of the Jacobian makes the two
 * differ with probability 1. Tensors hold float32, so the step is large, and the error of its third order is taken out.
 */
import { checkFunction } from '../tensor/callable.ts'
import { GraphError, ValueError } from '../tensor/errors.ts'
import { NDArray } from '../tensor/ndarray.ts'
import { optionsOf } from '../tensor/options.ts'
import { Generator } from '../tensor/random.ts'
import { grad } from './engine.ts'
import { enableGrad, noGrad } from './grad-mode.ts'
import { checkTensors } from './op.ts'
import { Tensor } from './tensor.ts'

type Fn = (...inputs: Tensor[]) => Tensor | readonly Tensor[]

export interface GradcheckOptions {
  /** Step of the finite difference. */
  readonly eps?: number
  readonly atol?: number
  readonly rtol?: number
  /** How many random directions are tried. */
  readonly directions?: number
  readonly seed?: number
  /** Throw a GraphError that shows both numbers (default), or return false. */
  readonly raiseException?: boolean
}

const listed = (outputs: Tensor | readonly Tensor[]): readonly Tensor[] => (outputs instanceof Tensor ? [outputs] : outputs)

function randomLike(x: Tensor, generator: Generator): Tensor {
  const out = new Float32Array(x.numel())
  generator.normalScalar(out)
  return new Tensor(NDArray.from(out, x.shape))
}

/** 1 or -1 for each number of x: no input moves further than the step, so that kinks can be kept at a distance. */
const randomSigns = (x: Tensor, generator: Generator): Tensor => randomLike(x, generator).sign()

/** Σ a · b in double precision. */
function dot(a: readonly Tensor[], b: readonly Tensor[]): number {
  return a.reduce((sum, x, i) => {
    const y = b[i].data
    return sum + x.data.reduce((total, value, k) => total + value * y[k], 0)
  }, 0)
}

function checkCall(operation: string, fn: unknown, inputs: readonly Tensor[]): void {
  checkFunction(operation, fn)
  if (!Array.isArray(inputs)) throw new ValueError(operation, 'the inputs are no list', 'give a list of tensors')
  checkTensors(operation, inputs)
}

/**
 * Whether backward() gives the gradients of `fn` with respect to those of `inputs` that require one. Same purpose as
 * torch.autograd.gradcheck, in float32: choose inputs and results of moderate size, inputs further than `eps` from any kink.
 */
export function gradcheck(fn: Fn, inputs: readonly Tensor[], given: GradcheckOptions = {}): boolean {
  const { eps, atol, rtol, directions, seed, raiseException } = optionsOf('gradcheck', given, { eps: 3e-2, atol: 1e-3, rtol: 1e-2, directions: 4, seed: 0, raiseException: true })
  checkCall('gradcheck', fn, inputs)
  const generator = new Generator(seed)
  const wanted = inputs.filter((input) => input.requiresGrad)
  if (wanted.length === 0) throw new GraphError('gradcheck', 'no input requires a gradient', 'call requiresGrad_() on those to be checked')
  for (let i = 0; i < directions; i++) {
    const outputs = listed(enableGrad(() => fn(...inputs)))
    const weights = outputs.map((output) => randomLike(output, generator))
    const direction = wanted.map((input) => randomSigns(input, generator))
    // An output without history has no gradient by backward(), and so must have none by finite differences.
    const recorded = outputs.map((_, k) => k).filter((k) => outputs[k].requiresGrad)
    const gradients = recorded.length === 0 ? [] : grad(recorded.map((k) => outputs[k]), wanted, { gradOutputs: recorded.map((k) => weights[k]), allowUnused: true })
    const used = wanted.map((_, k) => k).filter((k) => gradients[k])
    const analytic = dot(used.flatMap((k) => gradients[k] ?? []), used.map((k) => direction[k]))
    const shifted = (h: number) => noGrad(() => {
      const moved = inputs.map((input) => (input.requiresGrad ? new Tensor(input.add(direction[wanted.indexOf(input)].mul(h)).array).requiresGrad_() : input))
      return dot(weights, enableGrad(() => listed(fn(...moved))))
    })
    // Richardson's extrapolation of two central differences: the error falls with the fourth power of the step.
    const central = (h: number) => (shifted(h) - shifted(-h)) / (2 * h)
    const numeric = (4 * central(eps / 2) - central(eps)) / 3
    // Every result is rounded to 24 bits, in its last operations at least, and the difference divides that by the step.
    const rounding = (2 ** -22 * dot(weights.map((weight) => weight.abs()), outputs.map((output) => output.abs()))) / eps
    if (!(Math.abs(analytic - numeric) <= atol + rtol * Math.abs(numeric) + rounding)) {
      if (!raiseException) return false
      throw new GraphError('gradcheck', `along random direction ${i} backward() gives ${analytic}, finite differences give ${numeric}`, 'check the backward rule, or move the inputs away from a kink')
    }
  }
  return true
}

/** gradcheck of the gradient itself: whether second derivatives are right. Same purpose as torch.autograd.gradgradcheck. */
export function gradgradcheck(fn: Fn, inputs: readonly Tensor[], options: GradcheckOptions = {}): boolean {
  checkCall('gradgradcheck', fn, inputs)
  const generator = new Generator((options.seed ?? 0) + 1)
  const recorded = (outputs: Tensor | readonly Tensor[]) => listed(outputs).filter((output) => output.requiresGrad)
  const wanted = inputs.map((_, i) => i).filter((i) => inputs[i].requiresGrad)
  const weights = recorded(enableGrad(() => fn(...inputs))).map((output) => randomLike(output, generator).requiresGrad_())
  const first = (...all: Tensor[]) => {
    const outputs = recorded(fn(...all.slice(0, inputs.length)))
    const found = grad(outputs, wanted.map((i) => all[i]), { gradOutputs: all.slice(inputs.length), createGraph: true, allowUnused: true })
    return found.filter((gradient) => gradient !== null)
  }
  return gradcheck(first, [...inputs, ...weights], options)
}
