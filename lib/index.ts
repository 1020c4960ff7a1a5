/** The public surface of vitgrad. */
export * from './autograd/creation.ts'
export * from './autograd/functions.ts'
export { einsum } from './autograd/einsum.ts'
export { enableGrad, isGradEnabled, noGrad } from './autograd/grad-mode.ts'
export { Tensor, type Dims, type NestedNumbers, type Operand, type ReduceOptions, type ValuesAndIndices, type VarOptions } from './autograd/tensor.ts'
export * as autograd from './autograd/autograd.ts'
export { DataError, GraphError, IndexError, ShapeError, StateDictError, ValueError } from './tensor/errors.ts'
export { Generator, getRngState, initialSeed, manualSeed, setRngState } from './tensor/random.ts'
