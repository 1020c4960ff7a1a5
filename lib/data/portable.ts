/**
 * Datasets as plain data, which another thread can be given: bytes in shared memory, and transforms by their name and arguments. A
 * function of a user's own is none: only the thread that made it can call it.
 */
import { ImageSource, inSharedMemory } from './image-source.ts'
import type { Size } from './picture.ts'
import { RandomAffine, RandomRotation } from './transforms/affine.ts'
import { ColorJitter, Grayscale, RandomGrayscale } from './transforms/color-jitter.ts'
import { Compose } from './transforms/compose.ts'
import { CenterCrop, Pad, RandomCrop, RandomHorizontalFlip, RandomVerticalFlip } from './transforms/crop.ts'
import { RandomErasing } from './transforms/erasing.ts'
import { Normalize, ToTensor } from './transforms/normalize.ts'
import { RandAugment, TrivialAugmentWide } from './transforms/rand-augment.ts'
import { RandomResizedCrop, Resize } from './transforms/resize.ts'
import type { Transform } from './transforms/transform.ts'

const CLASSES: Record<string, Function> = {
  CenterCrop, ColorJitter, Grayscale, Normalize, Pad, RandAugment, RandomAffine, RandomCrop, RandomErasing, RandomGrayscale,
  RandomHorizontalFlip, RandomResizedCrop, RandomRotation, RandomVerticalFlip, Resize, ToTensor, TrivialAugmentWide,
}

/** A transform by its class's name and arguments, or several in a row. */
export type Description = { readonly name: string; readonly args: readonly unknown[] } | { readonly row: readonly Description[] }

/** Null where the transform is a user's own, or has one within. */
export function describe(transform: Transform): Description | null {
  if (transform instanceof Compose && transform.constructor === Compose) {
    const row = transform.transforms.map(describe)
    return row.every((part) => part !== null) ? { row } : null
  }
  const name = Object.keys(CLASSES).find((name) => CLASSES[name] === transform.constructor)
  return name === undefined ? null : { name, args: transform.args }
}

function revive(description: Description): Transform {
  if ('row' in description) return new Compose(description.row.map(revive))
  return Reflect.construct(CLASSES[description.name], description.args)
}

/** An ImageSource as plain data. */
export interface PlainSource {
  readonly images: Uint8Array
  readonly labels: Uint8Array | Uint16Array
  readonly shape: Size
  readonly transform: Description | null
}

/** Null where memory cannot be shared, or the transform is a user's own. */
export function toPlain({ images, labels, shape, transform }: ImageSource): PlainSource | null {
  const description = transform && describe(transform)
  if (transform && !description) return null
  const [sharedImages, sharedLabels] = [inSharedMemory(images), inSharedMemory(labels)]
  return sharedImages && sharedLabels && { images: sharedImages, labels: sharedLabels, shape, transform: description }
}

export function fromPlain({ images, labels, shape, transform }: PlainSource): ImageSource {
  return new ImageSource({ images, labels }, shape, transform && revive(transform))
}
