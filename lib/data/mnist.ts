/** MNIST (LeCun, Cortes, Burges 1998) and Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): 60,000 + 10,000 gray pictures of 28 x 28 in ten classes. */
import { DataError, ValueError } from '../tensor/errors.ts'
import { optionsOf } from '../tensor/options.ts'
import { readIdx } from './idx.ts'
import { ImageDataset, picturesDefaults, type PicturesOptions } from './image-dataset.ts'
import { sharedBytes, type LabelledImages } from './image-source.ts'

export const mnistClasses: readonly string[] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']
export const fashionMnistClasses: readonly string[] = ['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot']

/** The training or test pictures, the first so many, a transform, normalisation: as with cifar10. */
export type MnistOptions = PicturesOptions

const FILES = {
  train: { images: 'train-images-idx3-ubyte', labels: 'train-labels-idx1-ubyte' },
  test: { images: 't10k-images-idx3-ubyte', labels: 't10k-labels-idx1-ubyte' },
} as const

interface Kind {
  readonly name: string
  readonly classes: readonly string[]
  readonly mean: number
  readonly std: number
  readonly help: string
}

const allFiles = 'train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz'

/**
 * MNIST from the published IDX files in `folder`, gzipped or not: samples [picture (1, 28, 28), label]. Throws a DataError naming the file
 * that is missing, truncated or no IDX file.
 */
export function mnist(folder = 'data/mnist', options: MnistOptions = {}): ImageDataset {
  return readMnist(folder, options, { name: 'mnist', classes: mnistClasses, mean: 0.1307, std: 0.3081, help: `put the published files into ${folder}: ${allFiles}` })
}

/** Fashion-MNIST, likewise. `npm run data:fashion-mnist` looks for its files, or says where they are to be had. */
export function fashionMnist(folder = 'data/fashion-mnist', options: MnistOptions = {}): ImageDataset {
  return readMnist(folder, options, { name: 'fashionMnist', classes: fashionMnistClasses, mean: 0.286, std: 0.353, help: `run \`npm run data:fashion-mnist\`, or put the published files into ${folder}: ${allFiles}` })
}

function readMnist(folder: string, given: MnistOptions, { name, classes, mean, std, help }: Kind): ImageDataset {
  const { train, count, transform, normalize } = optionsOf(name, given, picturesDefaults(given))
  const files = train ? FILES.train : FILES.test
  const images = readIdx(name, folder, files.images, 3, help)
  const labels = readIdx(name, folder, files.labels, 1, help)
  const [total, height, width] = images.shape
  if (labels.shape[0] !== total) throw new DataError(name, `${folder} has ${total} pictures in ${files.images} and ${labels.shape[0]} labels in ${files.labels}`, help)
  const odd = labels.bytes.findIndex((label) => label >= classes.length)
  if (odd >= 0) throw new DataError(name, `${files.labels} in ${folder} holds the label ${labels.bytes[odd]} at picture ${odd}, but labels go from 0 to ${classes.length - 1}`, help)
  return new ImageDataset(firstPictures(name, images.bytes, labels.bytes, height * width, count), {
    shape: [1, height, width],
    classes,
    transform,
    ...(normalize ? { mean: [mean], std: [std] } : {}),
  })
}

/** The first `count` pictures (all), in memory that threads can share. */
function firstPictures(operation: string, bytes: Uint8Array, allLabels: Uint8Array, pixels: number, count = allLabels.length): LabelledImages {
  if (!Number.isInteger(count) || count < 1 || count > allLabels.length)
    throw new ValueError(operation, `count ${count} is not a whole number from 1 to ${allLabels.length}`, `there are ${allLabels.length} pictures`)
  const [images, labels] = [sharedBytes(count * pixels), sharedBytes(count)]
  images.set(bytes.subarray(0, count * pixels))
  labels.set(allLabels.subarray(0, count))
  return { images, labels }
}
