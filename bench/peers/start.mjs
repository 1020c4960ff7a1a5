// What the peers written in JavaScript start from: vitgrad's own initial weights and batch, so that all begin with the same loss.
import { readFileSync } from 'node:fs'
import { configOf, tokensOf } from '../configs.ts'
import { build, parameterCount } from '../model.ts'

/** Weights of linear layers come transposed, (in, out), for x · W; that of the patches as (3 · patch², dim). */
export function start() {
  const [key = 'A', seconds = '5', batch] = process.argv.slice(2).filter((arg) => !arg.startsWith('--'))
  const known = configOf(key)
  const config = { ...known, batch: Number(batch ?? known.batch) }
  const { model, pictures, labels } = build(config)
  const weights = Object.entries(model.stateDict()).map(([name, tensor]) => {
    const matrix = tensor.ndim === 2 ? tensor : tensor.ndim === 4 ? tensor.flatten(1) : null
    const value = matrix ? matrix.transpose(0, 1).contiguous() : tensor
    return [name, { shape: [...value.shape], data: Float32Array.from(value.data) }]
  })
  return {
    config,
    budget: Number(seconds),
    tokens: tokensOf(config),
    weights: Object.fromEntries(weights),
    /** (batch, 3, image, image) */
    pictures: Float32Array.from(pictures.data),
    labels: Int32Array.from(labels.data),
    parameters: parameterCount(model),
  }
}

/** The version of an installed package. */
export function versionOf(name) {
  return JSON.parse(readFileSync(new URL(`./node_modules/${name}/package.json`, import.meta.url), 'utf8')).version
}

/** Prints what was measured, and ends whatever threads and timers the framework has left. */
export function report(measurement) {
  process.stdout.write(JSON.stringify(measurement) + '\n', () => process.exit(0))
}
