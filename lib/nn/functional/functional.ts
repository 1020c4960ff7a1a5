/** nn.functional: what layers compute, as functions. */
export * from './activation.ts'
export { scaledDotProductAttention, type AttentionOptions } from './attention.ts'
export { conv2d, type ConvOptions } from './convolution.ts'
export { dropout, dropPath } from './dropout.ts'
export { interpolate, type InterpolateOptions } from './interpolate.ts'
export { embedding, linear, oneHot } from './linear.ts'
export {
  binaryCrossEntropy, binaryCrossEntropyWithLogits, crossEntropy, klDiv, nllLoss,
  type BCEOptions, type CrossEntropyOptions, type KLDivOptions, type NLLOptions, type Reduction,
} from './loss.ts'
export { batchNorm, cosineSimilarity, groupNorm, layerNorm, normalize, type NormalizeOptions } from './normalization.ts'
export { huberLoss, l1Loss, mseLoss, smoothL1Loss, type HuberOptions, type SmoothL1Options } from './regression-loss.ts'
export { pad, type PadOptions } from './pad.ts'
export { adaptiveAvgPool2d, avgPool2d, maxPool2d, type AdaptiveSize, type AvgPoolOptions, type PoolOptions } from './pooling.ts'
export { unfold, type UnfoldOptions } from './unfold.ts'
