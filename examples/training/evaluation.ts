/** How well a model does on pictures that it has not learnt from. */
import { data, type Generator, type nn, type Tensor } from 'vitgrad'
import { asking } from './inference.ts'

/** A picture whose highest score was not its label's. */
export interface Mistake {
  /** Its number in the data set. */
  readonly index: number
  readonly label: number
  readonly predicted: number
  /** How probable the model held what it said, and what was right. */
  readonly said: number
  readonly right: number
}

export interface Evaluation {
  /** Mean cross entropy. */
  readonly loss: number
  /** Share of the pictures whose highest score is their label's. */
  readonly accuracy: number
  /** How often pictures of class `row` were taken for class `column`. */
  readonly confusion: readonly (readonly number[])[]
  /** The mistakes whose label the model held least probable, worst first. */
  readonly mistakes: readonly Mistake[]
}

interface EvaluateOptions {
  readonly batchSize: number
  readonly classes: number
  /** Where the loader draws from, so that a training's own draws stay as they are. */
  readonly generator: Generator
  /** Called before each batch with the number of pictures done; true ends the evaluation. */
  readonly stopping?: (done: number) => boolean | Promise<boolean>
}

const KEPT_MISTAKES = 18

/** Runs the model over all of `dataset`, in evaluation mode. Undefined when it was stopped. */
export async function evaluate(model: nn.Module, dataset: data.Dataset, { batchSize, classes, generator, stopping }: EvaluateOptions): Promise<Evaluation | undefined> {
  const confusion = Array.from({ length: classes }, () => Array.from({ length: classes }, () => 0))
  const mistakes: Mistake[] = []
  let loss = 0
  let done = 0
  for (const [images, labels] of new data.DataLoader(dataset, { batchSize, generator })) {
    if (await stopping?.(done)) return undefined
    const logProbs = asking(model, () => model(images).logSoftmax(1))
    rows(logProbs).forEach((row, i) => {
      const label = labels.data[i]
      const predicted = row.indexOf(Math.max(...row))
      confusion[label][predicted]++
      loss -= row[label]
      if (predicted !== label) mistakes.push({ index: done + i, label, predicted, said: Math.exp(row[predicted]), right: Math.exp(row[label]) })
    })
    done += images.shape[0]
  }
  const wrong = mistakes.length
  mistakes.sort((a, b) => a.right - b.right || a.index - b.index)
  return { loss: loss / done, accuracy: (done - wrong) / done, confusion, mistakes: mistakes.slice(0, KEPT_MISTAKES) }
}

/** The rows of a matrix, as numbers. */
function rows(matrix: Tensor): number[][] {
  const [count, width] = matrix.shape
  return Array.from({ length: count }, (_, i) => [...matrix.data.subarray(i * width, (i + 1) * width)])
}
