/** Averages of the weights that training goes through, which often generalise better than the last ones. */
import { zeros } from '../autograd/creation.ts'
import { noGrad } from '../autograd/grad-mode.ts'
import type { Tensor } from '../autograd/tensor.ts'
import { Module } from '../nn/module.ts'
import { ShapeError, ValueError } from '../tensor/errors.ts'
import { kernels } from '../tensor/kernels/active.ts'
import { optionsOf } from '../tensor/options.ts'
import { sameShape, showShape } from '../tensor/shape.ts'

export interface AveragedModelOptions {
  /**
   * How much of the mean is kept each time, from 0 to 1: an exponential mean, mean = decay · mean + (1 − decay) · model. Left out: the
   * mean of all models so far (Izmailov et al. 2018).
   */
  readonly decay?: number | null
  /** Average buffers, too, but for counters. By default they are copied from the model, as in PyTorch from 2.0 on. */
  readonly useBuffers?: boolean
}

/**
 * A copy of `model`, called like it, whose parameters are a running mean of those that updateParameters() has been shown. Its keys are
 * `n_averaged` and the model's after `module.`. Same as torch.optim.swa_utils.AveragedModel, with `decay` like its get_ema_multi_avg_fn.
 */
export class AveragedModel<Args extends unknown[] = [x: Tensor], Result = Tensor> extends Module<Args, Result> {
  readonly module: Module<Args, Result>
  declare readonly n_averaged: Tensor
  readonly decay: number | null
  readonly useBuffers: boolean

  constructor(model: Module<Args, Result>, given: AveragedModelOptions = {}) {
    super()
    const { decay, useBuffers } = optionsOf('AveragedModel', given, { decay: null, useBuffers: false })
    if (decay !== null && !(decay >= 0 && decay <= 1)) throw new ValueError('AveragedModel', `decay = ${decay} is not in [0, 1]`, 'give a number from 0 to 1, such as 0.999')
    this.decay = decay
    this.useBuffers = useBuffers
    this.module = model.clone()
    this.registerBuffer('n_averaged', zeros([], { dtype: 'int64' }))
  }
  forward(...args: Args): Result {
    return this.module(...args)
  }

  /** Takes the numbers of `model`, which must be of the same kind, into the mean; the first time, takes them over. Call it after optimizer.step(). */
  updateParameters(model: Module<Args, Result>): void {
    const count = this.n_averaged.item()
    const weight = count === 0 ? 1 : this.decay === null ? 1 / (count + 1) : 1 - this.decay
    const isAveraged = ({ mean }: Pair) => this.useBuffers && mean.dtype === 'float32'
    const parameters = pair([...this.module.parameters()], [...model.parameters()])
    const buffers = pair([...this.module.buffers()], [...model.buffers()])
    approach([...parameters, ...buffers.filter(isAveraged)], weight)
    approach(buffers.filter((pair) => !isAveraged(pair)), 1)
    noGrad(() => this.n_averaged.add_(1))
  }
}

interface Pair {
  readonly mean: Tensor
  readonly value: Tensor
}

function pair(means: readonly Tensor[], values: readonly Tensor[]): Pair[] {
  const shapes = (tensors: readonly Tensor[]) => tensors.map(({ shape }) => showShape(shape)).join(', ')
  if (means.length !== values.length || !means.every(({ shape }, i) => sameShape(shape, values[i].shape)))
    throw new ShapeError('updateParameters', `the model has tensors of shapes ${shapes(values)}, the averaged one ${shapes(means)}`, 'give the model that the averaged one was made of')
  return means.map((mean, i) => ({ mean, value: values[i] }))
}

/** Moves means towards values by a share of the way; all of it is a copy. */
function approach(pairs: readonly Pair[], weight: number): void {
  if (weight === 1) for (const { mean, value } of pairs) kernels().copy(mean.array, value.array)
  else kernels().lerp(pairs.map(({ mean, value }) => ({ mean: mean.array, value: value.array })), weight)
  for (const { mean } of pairs) mean.array.storage.version++
}
