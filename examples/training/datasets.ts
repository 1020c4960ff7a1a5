/** Pictures to learn from and to test with, by their name. */
import { data, stack, tensor, ValueError, type Generator, type Tensor } from 'vitgrad'
import type { PictureKind } from './architecture.ts'
import { tooFew } from './mistakes.ts'
import { half, normalized, type Normalization } from './normalization.ts'
import { openFolder } from './picture-folder.ts'
import type { Settings } from './settings.ts'

export interface TestPictures extends PictureKind {
  readonly test: data.Dataset
  readonly normalization: Normalization
}

export interface Pictures extends TestPictures {
  readonly train: data.Dataset
}

/** Which pictures are meant. */
export interface Choice extends Pick<Settings, 'data' | 'folder' | 'testSize' | 'imageSize' | 'badPictures'> {
  /** Test with all pictures of a folder that has no part for it; else with a tenth, which is not learnt from. */
  readonly testWithAll?: boolean
}

/** A set of pictures before it is known what is done to them: of its two parts, so many, each varied and normalised. */
export interface Source extends PictureKind {
  readonly normalization: Normalization
  /** Throws a UsageError where there are not so many. */
  read(part: 'train' | 'test', count: number | undefined, augmentation: readonly data.transforms.Transform[]): data.Dataset
}

export function openPictures(settings: Settings): Pictures {
  const source = sourceOf(settings)
  const { classes, shape, normalization } = source
  return { train: source.read('train', settings.trainSize, augmentation(settings.augment, shape[1])), test: source.read('test', settings.testSize, []), classes, shape, normalization }
}

/** The test pictures alone. */
export function openTestPictures(choice: Choice): TestPictures {
  const { classes, shape, normalization, read } = sourceOf(choice)
  return { test: read('test', choice.testSize, []), classes, shape, normalization }
}

/** How a picture is varied while it is learnt from. */
function augmentation(name: Settings['augment'], size: number): data.transforms.Transform[] {
  const { RandomCrop, RandomHorizontalFlip, RandAugment } = data.transforms
  const crop = () => new RandomCrop(size, { padding: Math.round(size / 8) })
  switch (name) {
    case 'none':
      return []
    case 'flip':
      return [new RandomHorizontalFlip()]
    case 'crop':
      return [crop()]
    case 'flip-crop':
      return [crop(), new RandomHorizontalFlip()]
    case 'randaugment':
      return [crop(), new RandomHorizontalFlip(), new RandAugment()]
  }
}

type Reader = (folder: string, options: data.PicturesOptions) => data.ImageDataset

function sourceOf(choice: Choice): Source {
  const { data: name, folder } = choice
  const files = (reader: Reader, classes: readonly string[], shape: Source['shape'], normalization: Normalization): Source => ({
    classes, shape, normalization,
    read(part, count, augmentation) {
      const first = (some: number | undefined) => reader(folder, { train: part === 'train', count: some, transform: normalized(augmentation, normalization) })
      try {
        return first(count)
      } catch (error) {
        throw error instanceof ValueError && count !== undefined ? tooFew(part, count, first(undefined).length) : error
      }
    },
  })
  switch (name) {
    case 'cifar10':
      return files(data.cifar10, data.cifar10Classes, [3, 32, 32], { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] })
    case 'cifar100':
      return files(data.cifar100, data.cifar100Classes, [3, 32, 32], { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] })
    case 'mnist':
      return files(data.mnist, data.mnistClasses, [1, 28, 28], { mean: [0.1307], std: [0.3081] })
    case 'fashion-mnist':
      return files(data.fashionMnist, data.fashionMnistClasses, [1, 28, 28], { mean: [0.286], std: [0.353] })
    case 'synthetic':
      return synthetic
    default:
      return openFolder(choice)
  }
}

/** The built-in pictures come normalised, and are varied as those of other sets are: with values from 0 to 1. */
const synthetic: Source = {
  classes: data.syntheticClasses,
  shape: [3, 32, 32],
  normalization: half,
  read(part, count, augmentation) {
    const drawn = data.synthetic({ train: part === 'train', count })
    const vary = normalized(augmentation, half)
    return augmentation.length === 0 ? drawn : new Transformed(drawn, (image, generator) => vary(image.mul(0.25).add(0.5), { generator }))
  },
}

/** Another dataset of pictures with a function applied to each. */
class Transformed implements data.Dataset {
  readonly #dataset: data.Dataset
  readonly #transform: (image: Tensor, generator?: Generator) => Tensor

  constructor(dataset: data.Dataset, transform: (image: Tensor, generator?: Generator) => Tensor) {
    this.#dataset = dataset
    this.#transform = transform
  }
  get length(): number {
    return this.#dataset.length
  }
  get(index: number, generator?: Generator): data.Sample {
    const [image, label] = this.#dataset.get(index)
    return [typeof image === 'number' ? image : this.#transform(image, generator), label]
  }
  getItems(indices: readonly number[], generators?: (n: number) => Generator): Tensor[] {
    const samples = indices.map((index, n) => this.get(index, generators?.(n)))
    return [0, 1].map((part) => stack(samples.map((sample) => toTensor(sample[part]))))
  }
}

const toTensor = (part: Tensor | number) => (typeof part === 'number' ? tensor(part) : part)
