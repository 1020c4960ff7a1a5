/** nn.functional: what layers compute, as functions. */
export {
  elu, gelu, glu, hardsigmoid, hardswish, hardtanh, leakyRelu, logsigmoid, logSoftmax, mish, prelu, relu, relu6, selu, sigmoid, silu, softmax, softmin, softplus, softsign, tanh,
  type InplaceOptions,
} from './activation.ts'
export { scaledDotProductAttention, type AttentionOptions } from './attention.ts'
export { conv2d, type ConvOptions, type Padding } from './convolution.ts'
export { dropout, dropout2d, dropPath } from './dropout.ts'
export { embedding, oneHot } from './embedding.ts'
export { interpolate, type InterpolateMode, type InterpolateOptions } from './interpolate.ts'
export { linear } from './linear.ts'
export {
  binaryCrossEntropy, binaryCrossEntropyWithLogits, crossEntropy, klDiv, nllLoss,
  type BCEOptions, type CrossEntropyOptions, type KLDivOptions, type NLLOptions, type Reduction,
} from './loss.ts'
export { batchNorm, groupNorm, layerNorm } from './normalization.ts'
export { huberLoss, l1Loss, mseLoss, smoothL1Loss, type HuberOptions, type SmoothL1Options } from './regression-loss.ts'
export { pad, type PadMode, type PadOptions } from './pad.ts'
export { adaptiveAvgPool2d, adaptiveMaxPool2d, avgPool2d, maxPool2d, type AdaptiveSize, type AvgPoolOptions, type MaxPoolOptions, type PoolOptions, type WithIndices } from './pooling.ts'
export { pixelShuffle, pixelUnshuffle } from './pixel-shuffle.ts'
export { cosineSimilarity, normalize, type NormalizeOptions } from './similarity.ts'
export { unfold, type UnfoldOptions } from './unfold.ts'
