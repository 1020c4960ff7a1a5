/** A folder of one's own pictures, a folder for each class; or two such folders, train and test. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { data, DataError, Generator, randperm } from 'vitgrad'
import type { Choice, Source } from './datasets.ts'
import { RunError, tooFew } from './mistakes.ts'
import { half, normalized } from './normalization.ts'
import { readPicture } from './read-picture.ts'

/** The share of a folder without a part to test with that is kept for it. */
const TEST_SHARE = 0.1

/** Opens a folder: its train and test (or val) where it has them, else a tenth of its pictures, chosen at random, is to test with. */
export function openFolder({ data: folder, imageSize, badPictures, testWithAll = false }: Choice): Source {
  if (!existsSync(folder)) throw new RunError(`--data ${folder}: there is no such data set and no such folder`)
  const read = (path: string) => readFolder(path, imageSize, badPictures)
  const testFolder = ['test', 'val'].map((name) => join(folder, name)).find((path) => existsSync(path))
  const parts = existsSync(join(folder, 'train')) && testFolder !== undefined ? twoFolders(read(join(folder, 'train')), read(testFolder)) : cut(folder, read(folder), testWithAll)
  return {
    classes: parts.train.pictures.classes,
    shape: [3, imageSize, imageSize],
    normalization: half,
    read(part, count, augmentation) {
      const { pictures, order } = parts[part]
      if (count !== undefined && count > order.length) throw tooFew(part, count, order.length)
      return new data.Subset(pictures.withTransform(normalized(augmentation, half)), order.slice(0, count))
    },
  }
}

/** Pictures, and those among them that are meant, at random: the first so many are of all classes. */
interface Part {
  readonly pictures: data.ImageDataset
  readonly order: readonly number[]
}

interface Parts {
  readonly train: Part
  readonly test: Part
}

/** The same order each time. */
const shuffled = (length: number) => [...randperm(length, { generator: new Generator(0) }).data]

function twoFolders(train: data.ImageDataset, test: data.ImageDataset): Parts {
  if (train.classes.join() !== test.classes.join()) throw new RunError(`the folders to learn from and to test with have other classes (${train.classes.join(', ')}; ${test.classes.join(', ')}): give both a folder for each class`)
  return { train: { pictures: train, order: shuffled(train.length) }, test: { pictures: test, order: shuffled(test.length) } }
}

function cut(folder: string, pictures: data.ImageDataset, testWithAll: boolean): Parts {
  const order = shuffled(pictures.length)
  if (testWithAll) return { train: { pictures, order: [] }, test: { pictures, order } }
  const kept = Math.max(1, Math.round(TEST_SHARE * order.length))
  if (order.length < 2) throw new RunError(`--data ${folder} holds one picture, which is not enough to learn and to test: add others`)
  return { train: { pictures, order: order.slice(kept) }, test: { pictures, order: order.slice(0, kept) } }
}

function readFolder(path: string, size: number, badPictures: Choice['badPictures']): data.ImageDataset {
  try {
    return data.imageFolder(path, { read: readPicture, size, onError: badPictures === 'skip' ? 'skip' : 'throw' })
  } catch (error) {
    if (!(error instanceof DataError) || !/cannot be decoded/.test(error.message)) throw error
    throw new RunError(`${error.message.split('.\n')[0]}.\nRepair or remove it, or leave such pictures out with --bad-pictures skip.`)
  }
}
