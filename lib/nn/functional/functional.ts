/** nn.functional: what layers compute, as functions. */
export * from './activation.ts'
export { conv2d, type ConvOptions } from './convolution.ts'
export { dropout } from './dropout.ts'
export { embedding, linear, oneHot } from './linear.ts'
export { crossEntropy, l1Loss, mseLoss, nllLoss, type CrossEntropyOptions, type NLLOptions, type Reduction } from './loss.ts'
export { batchNorm, groupNorm, layerNorm } from './normalization.ts'
export { maxPool2d, type PoolOptions } from './pooling.ts'
