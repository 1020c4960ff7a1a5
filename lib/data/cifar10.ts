/** CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 colour pictures of 32 x 32 in ten classes, read from the official binary files. */
import { optionsOf } from '../tensor/options.ts'
import { readCifar, type CifarLayout } from './cifar.ts'
import { ImageDataset, picturesDefaults, type PicturesOptions } from './image-dataset.ts'

/** The ten names, in the order of their labels. */
export const cifar10Classes: readonly string[] = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck']

/** The official files, in the order of their pictures. */
export const cifar10Files = {
  train: ['data_batch_1.bin', 'data_batch_2.bin', 'data_batch_3.bin', 'data_batch_4.bin', 'data_batch_5.bin'],
  test: ['test_batch.bin'],
} as const

/** Mean and standard deviation of the red, green and blue values, in [0, 1], over the training pictures. */
export const CIFAR10_MEAN: readonly number[] = [0.4914, 0.4822, 0.4465]
export const CIFAR10_STD: readonly number[] = [0.247, 0.2435, 0.2616]

/** How many pictures an official file holds. */
const RECORDS = 10_000

const FOLDER = 'data/cifar10'

export const cifar10Layout = (folder: string): CifarLayout => ({
  name: 'cifar10',
  labelBytes: 1,
  label: 0,
  classes: 10,
  help: `run \`npm run data:cifar10${folder === FOLDER ? '' : ` -- --out ${folder}`}\`, which fetches the files that are missing or not whole`,
})

export type Cifar10Options = PicturesOptions

/**
 * CIFAR-10 from the official binary files in `folder`: samples [picture (3, 32, 32), label]. Throws a DataError naming the file that is
 * missing or not whole. `npm run data:cifar10` fetches them.
 */
export function cifar10(folder = FOLDER, given: Cifar10Options = {}): ImageDataset {
  const { train, count, transform, normalize } = optionsOf('cifar10', given, picturesDefaults(given))
  return new ImageDataset(readCifar(folder, train ? cifar10Files.train : cifar10Files.test, RECORDS, cifar10Layout(folder), count), {
    shape: [3, 32, 32],
    classes: cifar10Classes,
    transform,
    ...(normalize ? { mean: CIFAR10_MEAN, std: CIFAR10_STD } : {}),
  })
}
