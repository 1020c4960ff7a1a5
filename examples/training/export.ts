/** A model for those who go on in PyTorch: its weights under timm's names, and a program that trains them on many machines. */
import { copyFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { io, nn, noGrad, type Tensor, type vit } from 'vitgrad'

export interface ExportOptions {
  /** What the model was built with. */
  readonly options: vit.VisionTransformerOptions
  /** How pixels from 0 to 1 are brought around 0: (pixel − mean) / std, for each channel. */
  readonly normalization: { readonly mean: readonly number[]; readonly std: readonly number[] }
  /** Some pictures (N, C, H, W), ready for the model, and their labels (N,): both sides compute their loss. */
  readonly sample: { readonly pictures: Tensor; readonly labels: Tensor }
  /** Further metadata for the file of weights, texts by name. */
  readonly metadata?: Readonly<Record<string, string>>
}

export interface Export {
  /** Weights, program and sample. */
  readonly files: readonly string[]
  /** The loss of the sample, which the program prints first. */
  readonly loss: number
  /** What starts the program. */
  readonly command: string
}

const program = fileURLToPath(new URL('continue.py', import.meta.url))

/**
 * Writes `out`.safetensors, `out`.py and `out`-sample.safetensors. The program needs PyTorch alone, and only that these three lie side
 * by side. Throws a DataError when a file cannot be written.
 */
export function exportModel(out: string, model: vit.VisionTransformer, { options, normalization, sample, metadata = {} }: ExportOptions): Export {
  const loss = lossOf(model, sample)
  const { weightInit: _, ...built } = options // how weights began is nothing to a program that loads them
  const files = [`${out}.safetensors`, `${out}.py`, `${out}-sample.safetensors`]
  io.saveSafetensors(files[0], model.stateDict(), { format: 'pt', ...metadata, pytorch: JSON.stringify({ options: built, normalization }) })
  copyFileSync(program, files[1])
  io.saveSafetensors(files[2], sample, { loss: String(loss) })
  return { files, loss, command: `python3 ${files[1]} --processes 2` }
}

/** The cross entropy in evaluation. The model stays in its mode. */
function lossOf(model: vit.VisionTransformer, { pictures, labels }: ExportOptions['sample']): number {
  const { training } = model
  model.eval()
  try {
    return noGrad(() => nn.functional.crossEntropy(model(pictures), labels).item())
  } finally {
    model.train(training)
  }
}
