/** Pictures to learn from and to test with, by their name. */
import { data } from 'vitgrad'
import type { Settings } from './settings.ts'
import type { PictureKind } from './architecture.ts'

/** How pixels from 0 to 1 are brought around 0: (pixel − mean) / std, for each channel. */
export interface Normalization {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

export interface Pictures extends PictureKind {
  readonly train: data.Dataset
  readonly test: data.Dataset
  readonly normalization: Normalization
}

export function openPictures({ data: name, folder, trainSize, testSize }: Settings): Pictures {
  if (name === 'cifar10')
    return {
      train: data.cifar10(folder, { train: true, count: trainSize }), test: data.cifar10(folder, { train: false, count: testSize }),
      classes: data.cifar10Classes, shape: [3, 32, 32], normalization: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
    }
  return {
    train: data.synthetic({ train: true, count: trainSize }), test: data.synthetic({ train: false, count: testSize }),
    classes: data.syntheticClasses, shape: [3, 32, 32], normalization: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
  }
}
