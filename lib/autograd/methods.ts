/** Methods of tensors as functions, as PyTorch has them: sum(x, 1) is x.sum(1). */
import { checkTensors } from './op.ts'
import type { Tensor, ValuesAndIndices } from './tensor.ts'

type Method = { [K in keyof Tensor]: Tensor[K] extends (...args: never[]) => unknown ? K : never }[keyof Tensor]

function functionOf<K extends Method>(name: K) {
  return (x: Tensor, ...args: Parameters<Tensor[K]>): ReturnType<Tensor[K]> => {
    checkTensors(name, [x])
    return Reflect.apply(x[name], x, args)
  }
}

export const abs = functionOf('abs')
export const add = functionOf('add')
export const all = functionOf('all')
export const amax = functionOf('amax')
export const amin = functionOf('amin')
export const any = functionOf('any')
export const argmax = functionOf('argmax')
export const argmin = functionOf('argmin')
export const argsort = functionOf('argsort')
export const bincount = functionOf('bincount')
export const bmm = functionOf('bmm')
export const broadcastTo = functionOf('broadcastTo')
export const ceil = functionOf('ceil')
export const chunk = functionOf('chunk')
export const clamp = functionOf('clamp')
export const clip = functionOf('clip')
export const clone = functionOf('clone')
export const cos = functionOf('cos')
export const countNonzero = functionOf('countNonzero')
export const cumprod = functionOf('cumprod')
export const cumsum = functionOf('cumsum')
export const diag = functionOf('diag')
export const diagonal = functionOf('diagonal')
export const div = functionOf('div')
export const dot = functionOf('dot')
export const eq = functionOf('eq')
export const equal = functionOf('equal')
export const erf = functionOf('erf')
export const exp = functionOf('exp')
export const expm1 = functionOf('expm1')
export const flatten = functionOf('flatten')
export const flip = functionOf('flip')
export const floor = functionOf('floor')
export const floorDivide = functionOf('floorDivide')
export const gather = functionOf('gather')
export const ge = functionOf('ge')
export const gt = functionOf('gt')
export const indexSelect = functionOf('indexSelect')
export const isfinite = functionOf('isfinite')
export const isinf = functionOf('isinf')
export const isnan = functionOf('isnan')
export const le = functionOf('le')
export const log = functionOf('log')
export const log10 = functionOf('log10')
export const log1p = functionOf('log1p')
export const log2 = functionOf('log2')
export const logicalAnd = functionOf('logicalAnd')
export const logicalNot = functionOf('logicalNot')
export const logicalOr = functionOf('logicalOr')
export const logicalXor = functionOf('logicalXor')
export const logSoftmax = functionOf('logSoftmax')
export const logsumexp = functionOf('logsumexp')
export const lt = functionOf('lt')
export const maskedSelect = functionOf('maskedSelect')
export const matmul = functionOf('matmul')
export const mean = functionOf('mean')
export const mm = functionOf('mm')
export const movedim = functionOf('movedim')
export const mul = functionOf('mul')
export const mv = functionOf('mv')
export const narrow = functionOf('narrow')
export const ne = functionOf('ne')
export const neg = functionOf('neg')
export const norm = functionOf('norm')
export const numel = functionOf('numel')
export const outer = functionOf('outer')
export const permute = functionOf('permute')
export const prod = functionOf('prod')
export const reciprocal = functionOf('reciprocal')
export const relu = functionOf('relu')
export const remainder = functionOf('remainder')
export const repeatInterleave = functionOf('repeatInterleave')
export const reshape = functionOf('reshape')
export const roll = functionOf('roll')
export const round = functionOf('round')
export const rsqrt = functionOf('rsqrt')
export const scatter = functionOf('scatter')
export const scatterAdd = functionOf('scatterAdd')
export const select = functionOf('select')
export const sigmoid = functionOf('sigmoid')
export const sign = functionOf('sign')
export const sin = functionOf('sin')
export const softmax = functionOf('softmax')
export const sort = functionOf('sort')
export const split = functionOf('split')
export const sqrt = functionOf('sqrt')
export const square = functionOf('square')
export const squeeze = functionOf('squeeze')
export const std = functionOf('std')
export const sub = functionOf('sub')
export const sum = functionOf('sum')
export const t = functionOf('t')
export const tanh = functionOf('tanh')
export const tile = functionOf('tile')
export const topk = functionOf('topk')
export const trace = functionOf('trace')
export const transpose = functionOf('transpose')
export const tril = functionOf('tril')
export const triu = functionOf('triu')
export const trunc = functionOf('trunc')
export const unbind = functionOf('unbind')
export const unflatten = functionOf('unflatten')
export const unsqueeze = functionOf('unsqueeze')

const variance = functionOf('var')
/** `var` is a word of JavaScript's: it is found as torch.var after import * as torch. */
export { variance as var }

/** The largest element, or [values, indices] along a dimension, or the larger of two. */
export function max(x: Tensor, other?: Tensor): Tensor
export function max(x: Tensor, ...dim: Parameters<Tensor['max']>): ValuesAndIndices
export function max(x: Tensor, ...args: [other?: Tensor] | Parameters<Tensor['max']>): Tensor | ValuesAndIndices {
  checkTensors('max', [x])
  return Reflect.apply(x.max, x, args)
}

/** The smallest element, or [values, indices] along a dimension, or the smaller of two. */
export function min(x: Tensor, other?: Tensor): Tensor
export function min(x: Tensor, ...dim: Parameters<Tensor['min']>): ValuesAndIndices
export function min(x: Tensor, ...args: [other?: Tensor] | Parameters<Tensor['min']>): Tensor | ValuesAndIndices {
  checkTensors('min', [x])
  return Reflect.apply(x.min, x, args)
}

/** The middle number, of two the smaller, or [values, indices] along a dimension. */
export function median(x: Tensor): Tensor
export function median(x: Tensor, ...dim: Parameters<Tensor['median']>): ValuesAndIndices
export function median(x: Tensor, ...args: [] | Parameters<Tensor['median']>): Tensor | ValuesAndIndices {
  checkTensors('median', [x])
  return Reflect.apply(x.median, x, args)
}

/** Where elements are not 0: a row of indices for each, or with { asTuple: true } a vector for each dimension. */
export function nonzero(x: Tensor, options?: { readonly asTuple?: false }): Tensor
export function nonzero(x: Tensor, options: { readonly asTuple: boolean }): Tensor[]
export function nonzero(x: Tensor, ...options: readonly unknown[]): Tensor | Tensor[] {
  checkTensors('nonzero', [x])
  return Reflect.apply(x.nonzero, x, options)
}

/** The numbers that occur, from the smallest on; with options a list: those, where among them each number stands, how often each occurs. */
export function unique(x: Tensor, options?: { readonly sorted?: boolean }): Tensor
export function unique(x: Tensor, options: Parameters<Tensor['unique']>[0]): Tensor[]
export function unique(x: Tensor, ...options: readonly unknown[]): Tensor | Tensor[] {
  checkTensors('unique', [x])
  return Reflect.apply(x.unique, x, options)
}
