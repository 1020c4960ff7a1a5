/** The operations of the cases, by the names that generate.py gives them, written with vitgrad's public surface. */
import { cat, maximum, minimum, nn, stack, tensor, where, type Tensor } from 'vitgrad'
import type { Attributes } from './cases.ts'
import { findFunction } from './surface.ts'

const F = nn.functional

export type Op = (t: readonly Tensor[], a: Attributes) => Tensor | Iterable<Tensor>

/** Python's start:stop:step, where None is left out. */
const slice = ([start, stop, step]: readonly (number | null)[]) => `${start ?? ''}:${stop ?? ''}:${step ?? ''}`

/** The dimensions of a reduction; none given means all. */
const dims = (a: Attributes) => a.dim ?? null

/** The one dimension of an operation that takes no list. */
function dim(a: Attributes): number {
  if (typeof a.dim !== 'number') throw new Error(`one dimension was expected, not ${a.dim}`)
  return a.dim
}

type Pad = (x: Tensor, pad: readonly number[], options: { readonly value: number }) => Tensor
type Pool = (x: Tensor, kernelSize: readonly number[], options: Readonly<Record<string, unknown>>) => Tensor
type Loss = (x: Tensor, target: Tensor, options: Readonly<Record<string, unknown>>) => Tensor
type Attention = (q: Tensor, k: Tensor, v: Tensor, options: Readonly<Record<string, unknown>>) => Tensor

const poolOptions = (a: Attributes) => ({ stride: a.stride, padding: a.padding, ceilMode: a.ceil_mode })

function chain(x: Tensor, a: Attributes): Tensor {
  for (let i = 0; i < a.n; i++) x = x.mul(a.s).add(a.b).tanh()
  return x
}

function diamond(x: Tensor): Tensor {
  return x.tanh().mul(x.sigmoid()).add(x)
}

/** A random program: its instructions in order, each reading inputs and earlier results by their numbers. */
const program: Op = (t, a) => {
  const values = [...t]
  for (const instruction of a.program) {
    const result = ops[instruction.op](instruction.in.map((i) => values[i]), instruction.attrs)
    values.push(...tensors(result))
  }
  return a.outputs.map((i) => values[i])
}

/** One tensor or several, as a list. */
export function tensors(result: Tensor | Iterable<Tensor>): Tensor[] {
  return 'shape' in result ? [result] : [...result]
}

export const ops: Readonly<Record<string, Op>> = {
  add: ([x, y]) => x.add(y),
  sub: ([x, y]) => x.sub(y),
  mul: ([x, y]) => x.mul(y),
  div: ([x, y]) => x.div(y),
  pow: ([x, y]) => x.pow(y),
  maximum: ([x, y]) => maximum(x, y),
  minimum: ([x, y]) => minimum(x, y),
  add_scalar: ([x], a) => x.add(a.s),
  sub_scalar: ([x], a) => x.sub(a.s),
  rsub_scalar: ([x], a) => tensor(a.s).sub(x),
  mul_scalar: ([x], a) => x.mul(a.s),
  div_scalar: ([x], a) => x.div(a.s),
  rdiv_scalar: ([x], a) => tensor(a.s).div(x),
  pow_scalar: ([x], a) => x.pow(a.s),
  gt: ([x, y]) => x.gt(y),
  ge: ([x, y]) => x.ge(y),
  lt: ([x, y]) => x.lt(y),
  le: ([x, y]) => x.le(y),
  eq: ([x, y]) => x.eq(y),

  relu: ([x]) => x.relu(),
  tanh: ([x]) => x.tanh(),
  sigmoid: ([x]) => x.sigmoid(),
  exp: ([x]) => x.exp(),
  log: ([x]) => x.log(),
  sqrt: ([x]) => x.sqrt(),
  neg: ([x]) => x.neg(),
  abs: ([x]) => x.abs(),
  sin: ([x]) => x.sin(),
  cos: ([x]) => x.cos(),
  silu: ([x]) => x.silu(),
  gelu: ([x], a) => x.gelu({ approximate: a.approximate }),
  leaky_relu: ([x], a) => F.leakyRelu(x, a.negative_slope),
  clamp: ([x], a) => x.clamp({ min: a.min ?? undefined, max: a.max ?? undefined }),
  where: ([condition, x, y]) => where(condition, x, y),
  masked_fill: ([x, mask], a) => x.maskedFill(mask, a.value),

  matmul: ([x, y]) => x.matmul(y),
  bmm: ([x, y]) => x.bmm(y),

  sum: ([x], a) => x.sum(dims(a), a.keepdim),
  mean: ([x], a) => x.mean(dims(a), a.keepdim),
  var: ([x], a) => x.var(dims(a), { unbiased: a.unbiased, keepdim: a.keepdim }),
  std: ([x], a) => x.std(dims(a), { unbiased: a.unbiased, keepdim: a.keepdim }),
  amax: ([x], a) => x.amax(dims(a), a.keepdim),
  amin: ([x], a) => x.amin(dims(a), a.keepdim),
  max: ([x], a) => (a.dim === null ? x.max() : x.max(dim(a), a.keepdim)),
  min: ([x], a) => (a.dim === null ? x.min() : x.min(dim(a), a.keepdim)),
  argmax: ([x], a) => (a.dim === null ? x.argmax() : x.argmax(dim(a), a.keepdim)),
  prod: ([x], a) => (a.dim === null ? x.prod() : x.prod(dim(a), a.keepdim)),
  logsumexp: ([x], a) => x.logsumexp(dims(a), a.keepdim),
  cumsum: ([x], a) => x.cumsum(dim(a)),
  softmax: ([x], a) => x.softmax(dim(a)),
  log_softmax: ([x], a) => x.logSoftmax(dim(a)),

  transpose: ([x], a) => x.transpose(a.dim0, a.dim1),
  permute: ([x], a) => x.permute([a.dims].flat()),
  reshape: ([x], a) => x.reshape(a.shape),
  flatten: ([x], a) => x.flatten(a.start_dim, a.end_dim),
  expand: ([x], a) => x.expand(a.shape),
  squeeze: ([x], a) => (a.dim === null ? x.squeeze() : x.squeeze(dim(a))),
  unsqueeze: ([x], a) => x.unsqueeze(dim(a)),
  slice: ([x], a) => x.at(...a.slices.map(slice)),
  select: ([x], a) => x.select(dim(a), a.index),
  index_select: ([x, index], a) => x.indexSelect(dim(a), index),
  gather: ([x, index], a) => x.gather(dim(a), index),
  index: ([x, index]) => x.at(index),
  index2: ([x, i, j]) => x.at(i, j),
  cat: (t, a) => cat(t, dim(a)),
  stack: (t, a) => stack(t, dim(a)),
  split: ([x], a) => x.split(a.split_size_or_sections, dim(a)),
  chunk: ([x], a) => x.chunk(a.chunks, dim(a)),
  unbind: ([x], a) => x.unbind(dim(a)),
  pad: ([x], a) => findFunction<Pad>('pad')(x, a.pad, { value: a.value }),
  flip: ([x], a) => x.flip([a.dims].flat()),
  roll: ([x], a) => x.roll(a.shifts, a.dims),
  repeat: ([x], a) => x.repeat(a.repeats),
  tril: ([x], a) => x.tril(a.diagonal),
  triu: ([x], a) => x.triu(a.diagonal),

  conv2d: ([x, weight, bias], a) => F.conv2d(x, weight, bias, { stride: a.stride, padding: a.padding, dilation: a.dilation, groups: a.groups }),
  max_pool2d: ([x], a) => F.maxPool2d(x, a.kernel_size, poolOptions(a)),
  avg_pool2d: ([x], a) => findFunction<Pool>('avgPool2d')(x, a.kernel_size, { ...poolOptions(a), countIncludePad: a.count_include_pad }),
  adaptive_avg_pool2d: ([x], a) => findFunction<(x: Tensor, outputSize: number | readonly number[]) => Tensor>('adaptiveAvgPool2d')(x, a.output_size),
  layer_norm: ([x, weight, bias], a) => F.layerNorm(x, a.normalized_shape, { weight, bias, eps: a.eps }),
  linear: ([x, weight, bias]) => F.linear(x, weight, bias),
  embedding: ([index, weight], a) => F.embedding(index, weight, { paddingIdx: a.padding_idx }),
  sdpa: ([q, k, v, attnMask], a) => findFunction<Attention>('scaledDotProductAttention')(q, k, v, { attnMask, isCausal: a.is_causal, scale: a.scale }),

  cross_entropy: ([x, target, weight], a) =>
    F.crossEntropy(x, target, { weight, ignoreIndex: a.ignore_index, reduction: plainReduction(a), labelSmoothing: a.label_smoothing }),
  nll_loss: ([x, target, weight], a) => F.nllLoss(x, target, { weight, reduction: plainReduction(a) }),
  mse_loss: ([x, y], a) => F.mseLoss(x, y, { reduction: plainReduction(a) }),
  l1_loss: ([x, y], a) => F.l1Loss(x, y, { reduction: plainReduction(a) }),
  bce_with_logits: ([x, y, ...weights], a) =>
    findFunction<Loss>('binaryCrossEntropyWithLogits')(x, y, {
      posWeight: a.has_pos_weight ? weights[0] : undefined,
      weight: a.has_weight ? weights[a.has_pos_weight] : undefined,
      reduction: a.reduction,
    }),
  kl_div: ([x, y], a) => findFunction<Loss>('klDiv')(x, y, { reduction: a.reduction, logTarget: a.log_target }),

  'x*x+x': ([x]) => x.mul(x).add(x),
  'x@x.T@x': ([x]) => x.matmul(x.transpose(-1, -2)).matmul(x),
  'softmax(x)*x.sum': ([x]) => x.softmax(-1).mul(x.sum(-1, true)),
  diamond: ([x, y]) => diamond(x.mul(y)),
  cat_self: ([x]) => cat([x, x.mul(2), x], 0),
  chain: ([x], a) => chain(x, a),
  program,
}

function plainReduction(a: Attributes): 'mean' | 'sum' | 'none' {
  if (a.reduction === 'batchmean') throw new Error('batchmean is a reduction of kl_div alone')
  return a.reduction
}
