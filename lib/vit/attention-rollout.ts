/** Attention rollout (Abnar, Zuidema 2020): through all blocks, how much each part of a picture counts in what is classified. */
import { eye, tensor, zeros } from '../autograd/creation.ts'
import { cat } from '../autograd/functions.ts'
import { noGrad } from '../autograd/grad-mode.ts'
import type { Tensor } from '../autograd/tensor.ts'
import * as nn from '../nn/nn.ts'
import { Attention } from './attention.ts'
import { CompactTransformer } from './compact-transformer.ts'
import type { Vit } from './notebook-vit.ts'
import { VisionTransformer } from './vision-transformer.ts'

/** What was seen of a model's call: the attention of each block, a mean of its heads, (B, N, N), and what weighs the tokens in the end, (B, 1, N). */
interface Seen {
  readonly attention: Tensor[]
  pooling: Tensor | undefined
}

/**
 * How much each patch of each picture counts: (B, C, H, W) -> (B, rows, columns). Every block passes on half of what a token was and half
 * of what it attends to, so the shares of one picture, with that of the class token, sum up to 1. The model runs in evaluation mode.
 */
export function attentionRollout(model: VisionTransformer | CompactTransformer | Vit, images: Tensor): Tensor {
  const seen = watch(model, () => noGrad(() => model(images)))
  return noGrad(() => {
    const [B, N] = seen.attention[0].shape
    let rollout = eye(N).expand([B, N, N])
    for (const attention of seen.attention) rollout = attention.add(eye(N)).div(2).bmm(rollout)
    const shares = (seen.pooling ?? pooling(model, N).expand([B, 1, N])).bmm(rollout)
    const patches = model instanceof CompactTransformer ? N : N - 1
    const rows = Math.sqrt(patches)
    return shares.narrow(2, N - patches, patches).reshape([B, rows, rows])
  })
}

/** Which tokens are classified, (1, 1, N): the class token, or all but it alike. */
function pooling(model: VisionTransformer | CompactTransformer | Vit, N: number): Tensor {
  if (model instanceof VisionTransformer && model.globalPool === 'avg') return cat([zeros([1, 1, 1]), tensor([[Array.from({ length: N - 1 }, () => 1 / (N - 1))]])], 2)
  return eye(N).narrow(0, 0, 1).unsqueeze(0)
}

/** Calls the model in evaluation mode and looks on. What its modules make is gone after the call, so it is copied. */
function watch(model: nn.Module, call: () => void): Seen {
  const seen: Seen = { attention: [], pooling: undefined }
  const see = (weights: Tensor) => void seen.attention.push(copyOf(weights.mean(1)))
  const hooks = [...model.modules()].flatMap((module) => {
    if (module instanceof Attention) return [module.registerForwardHook((_, [x]) => see(module.weights(x)))]
    if (module instanceof nn.MultiHeadAttention) return [module.registerForwardHook((_, [queries]) => see(weightsOf(module, queries.shape[0])))]
    return []
  })
  if (model instanceof CompactTransformer) {
    const { classifier } = model
    hooks.push(classifier.norm.registerForwardHook((_, __, tokens) => void (seen.pooling = copyOf(classifier.poolWeights(tokens)))))
  }
  const wasTraining = model.training
  try {
    model.eval()
    call()
  } finally {
    model.train(wasTraining)
    hooks.forEach((hook) => hook.remove())
  }
  return seen
}

/** What the notebook's attention keeps of its last call, as (B, heads, N, N). */
function weightsOf({ attention, numHeads }: nn.MultiHeadAttention, B: number): Tensor {
  const weights = attention.attention_weights
  if (!weights) throw new TypeError('attention keeps its weights when it is called')
  const [, N] = weights.shape
  return weights.reshape([B, numHeads, N, N])
}

const copyOf = (x: Tensor) => tensor(Float32Array.from(x.data), { shape: x.shape })
