/** The training steps that are measured: three Vision Transformers, small and many, middling, large and few. */

export interface Config {
  readonly key: 'A' | 'B' | 'C'
  /** Height and width of a picture of three colours. */
  readonly image: number
  readonly patch: number
  readonly dim: number
  readonly depth: number
  readonly heads: number
  /** Width of the hidden layer in a block's MLP. */
  readonly hidden: number
  readonly act: 'relu' | 'gelu'
  readonly classes: number
  readonly batch: number
}

export const CONFIGS: readonly Config[] = [
  { key: 'A', image: 32, patch: 4, dim: 48, depth: 6, heads: 4, hidden: 96, act: 'relu', classes: 10, batch: 64 },
  { key: 'B', image: 32, patch: 4, dim: 192, depth: 6, heads: 3, hidden: 768, act: 'gelu', classes: 10, batch: 32 },
  { key: 'C', image: 224, patch: 16, dim: 768, depth: 2, heads: 4, hidden: 1536, act: 'relu', classes: 10, batch: 2 },
]

export const LEARNING_RATE = 0.01
export const MOMENTUM = 0.9

export function configOf(key: string): Config {
  const config = CONFIGS.find((one) => one.key === key.toUpperCase())
  if (!config) throw new Error(`there is no configuration ${key}: give ${CONFIGS.map((one) => one.key).join(', ')}`)
  return config
}

/** 32x32, patch 4, dim 48, depth 6, heads 4, MLP 96, relu, batch 64 */
export function describe({ image, patch, dim, depth, heads, hidden, act, batch }: Config): string {
  return `${image}x${image}, patch ${patch}, dim ${dim}, depth ${depth}, heads ${heads}, MLP ${hidden}, ${act}, batch ${batch}`
}

/** Patches and the class token. */
export const tokensOf = ({ image, patch }: Config) => (image / patch) ** 2 + 1

/**
 * Floating-point operations of the matrix products in one training step. The backward pass has two products of the same size for
 * each one of the forward pass, except that pictures need no gradient.
 */
export function stepFlops(config: Config): number {
  const { batch, patch, dim, hidden, depth, classes } = config
  const tokens = tokensOf(config)
  const patches = 2 * batch * (tokens - 1) * 3 * patch ** 2 * dim
  const projections = 4 * 2 * batch * tokens * dim ** 2
  const attention = 2 * 2 * batch * tokens ** 2 * dim
  const mlp = 2 * 2 * batch * tokens * dim * hidden
  const head = 2 * batch * dim * classes
  return 2 * patches + 3 * (depth * (projections + attention + mlp) + head)
}
