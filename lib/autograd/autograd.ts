/** What `autograd` offers besides the methods of tensors. */
export { detectAnomaly, type AnomalyOptions } from './anomaly.ts'
export { checkpoint } from './checkpoint.ts'
export { backward, grad } from './engine.ts'
export { Function, FunctionContext } from './function.ts'
export { enableGrad, isGradEnabled, noGrad } from './grad-mode.ts'
export { gradcheck, gradgradcheck } from './gradcheck.ts'
