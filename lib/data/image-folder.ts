/** A folder of pictures, with a folder in it for each class. */
import { DataError, messageOf } from '../tensor/errors.ts'
import { checkSize, checkWord, optionsOf, required } from '../tensor/options.ts'
import { fileSystem, inFolder, readBytes } from './files.ts'
import { ImageDataset } from './image-dataset.ts'
import { sharedBytes } from './image-source.ts'
import { resizeBytes } from './resample.ts'
import { middleOf } from './transforms/crop.ts'
import { channelsOf, type RawPicture } from './transforms/normalize.ts'
import { resizedSize } from './transforms/resize.ts'
import type { PictureFunction } from './transforms/transform.ts'

export interface ImageFolderOptions {
  /** Decodes a file's bytes. Throws where it cannot. examples/training/read-picture.ts reads PNG and JPEG. */
  readonly read: (bytes: Uint8Array, file: string) => RawPicture
  /** What the shorter side of each picture becomes; the middle square of the result is kept. */
  readonly size: number
  /** Whether a picture that cannot be decoded is an error (default), or left out with a warning. */
  readonly onError?: 'throw' | 'skip'
  /** What is done to each picture when it is read, its values in [0, 1]. */
  readonly transform?: PictureFunction
  /** A mean and deviation for each channel, by which values are normalised after that. Default: 0 and 1. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
}

/** A picture that was left out, and why. */
export interface SkippedPicture {
  readonly file: string
  readonly reason: string
}

/** Samples [picture (3, size, size), label]. */
export class ImageFolder extends ImageDataset {
  /** Where each sample comes from. */
  readonly files: readonly string[]
  readonly skipped: readonly SkippedPicture[]

  constructor(pictures: Pictures, classes: readonly string[], { size, transform, mean, std }: ImageFolderOptions) {
    super(pictures, { shape: [3, size, size], classes, transform, mean, std })
    this.files = pictures.files
    this.skipped = pictures.skipped
  }
}

/** The names that torchvision takes for pictures. Whether they can be decoded is the reader's business. */
const EXTENSIONS = ['.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif', '.tiff', '.webp']

/**
 * The pictures in the folders of `folder`, each of which is a class, in the order of their names, as torchvision.datasets.ImageFolder has
 * them. All are read at once, resized as Pillow resizes (bilinear, antialiased), cut to their middle and kept as bytes. Throws a DataError
 * that names the folder or the file.
 */
export function imageFolder(folder: string, given: ImageFolderOptions): ImageFolder {
  const options = optionsOf('imageFolder', given, { read: required, size: required, onError: 'throw', transform: undefined, mean: undefined, std: undefined })
  const { size, onError } = options
  checkSize('imageFolder', 'size', size)
  checkWord('imageFolder', 'onError', onError, ['throw', 'skip'])
  const fs = fileSystem('imageFolder', folder)
  const classes = listFolder(fs, folder).folders
  if (classes.length === 0) throw new DataError('imageFolder', `${folder} has no folders in it`, 'make a folder for each class, and put its pictures there')
  const filesOfClasses = classes.map((name) => picturesBelow(fs, inFolder(folder, name)))
  const empty = classes.filter((_, label) => filesOfClasses[label].length === 0)
  if (empty.length > 0) throw new DataError('imageFolder', `${folder} has no pictures for ${empty.join(', ')}`, `remove the folder, or put pictures there (${EXTENSIONS.join(' ')})`)
  return new ImageFolder(readPictures(filesOfClasses, options), classes, options)
}

interface Pictures {
  readonly images: Uint8Array
  readonly labels: Uint16Array
  readonly files: readonly string[]
  readonly skipped: readonly SkippedPicture[]
}

function readPictures(filesOfClasses: readonly (readonly string[])[], { read, size, onError }: ImageFolderOptions): Pictures {
  const picture = 3 * size * size
  const images = sharedBytes(picture * filesOfClasses.reduce((count, files) => count + files.length, 0))
  const labels: number[] = []
  const done: string[] = []
  const skipped: SkippedPicture[] = []
  filesOfClasses.forEach((files, label) => {
    for (const file of files) {
      const bytes = readBytes('imageFolder', file, 'make it readable, or remove it')
      try {
        images.set(squareOf(read(bytes, file), size), picture * done.length)
      } catch (error) {
        const [reason] = messageOf(error).split('\n')
        if (onError !== 'skip') throw new DataError('imageFolder', `${file} cannot be decoded (${reason})`, "repair or remove it, or pass onError: 'skip' to leave such pictures out")
        skipped.push({ file, reason })
        continue
      }
      labels.push(label)
      done.push(file)
    }
  })
  if (done.length === 0) throw new DataError('imageFolder', `none of the ${skipped.length} pictures can be decoded: ${skipped[0].file} (${skipped[0].reason})`, 'use a reader for pictures of this kind')
  if (skipped.length > 0) warnOf(skipped, done.length)
  return { images: images.subarray(0, picture * done.length), labels: Uint16Array.from(labels), files: done, skipped }
}

function warnOf(skipped: readonly SkippedPicture[], left: number): void {
  const named = skipped.slice(0, 3).map(({ file, reason }) => `${file} (${reason})`)
  const more = skipped.length > named.length ? ` and ${skipped.length - named.length} more` : ''
  console.warn(`vitgrad: imageFolder: ${skipped.length} picture${skipped.length === 1 ? '' : 's'} cannot be decoded and ${skipped.length === 1 ? 'is' : 'are'} left out, ${left} remain: ${named.join(', ')}${more}`)
}

/** Red, green and blue bytes, (3, size, size), of the middle of a picture whose shorter side has become `size`. */
export function squareOf(raw: RawPicture, size: number): Uint8Array {
  const { width, height } = raw
  const [newHeight, newWidth] = resizedSize([height, width], size)
  const resized = resizeBytes(rgbPlanes(raw), [3, height, width], [newHeight, newWidth])
  const [rows, columns] = [middleOf(newHeight, size), middleOf(newWidth, size)]
  const out = new Uint8Array(3 * size * size)
  for (let i = 0; i < out.length; i++) {
    const channel = Math.floor(i / (size * size))
    const row = rows[Math.floor(i / size) % size]
    out[i] = resized[(channel * newHeight + row) * newWidth + columns[i % size]]
  }
  return out
}

/** Gray becomes three equal channels; alpha is dropped, as by PIL's convert('RGB'). */
function rgbPlanes(raw: RawPicture): Uint8Array {
  const { width, height, data } = raw
  const channels = channelsOf('imageFolder', raw)
  const pixels = width * height
  const planes = new Uint8Array(3 * pixels)
  for (let channel = 0; channel < 3; channel++) {
    const from = channels < 3 ? 0 : channel
    for (let i = 0; i < pixels; i++) planes[channel * pixels + i] = data[i * channels + from]
  }
  return planes
}

/** The folders and files in a folder, also behind links, each by name. */
function listFolder(fs: ReturnType<typeof fileSystem>, folder: string): { readonly folders: string[]; readonly files: string[] } {
  try {
    const names = fs.readdirSync(folder).sort()
    const isFolder = (name: string) => fs.statSync(inFolder(folder, name), { throwIfNoEntry: false })?.isDirectory() ?? false
    return { folders: names.filter(isFolder), files: names.filter((name) => !isFolder(name)) }
  } catch (error) {
    throw new DataError('imageFolder', `${folder} cannot be read (${messageOf(error)})`, 'give a folder that has a folder of pictures for each class')
  }
}

/** The pictures in a folder and in all folders below it, folder by folder in the order of their paths; none twice where links go round. */
function picturesBelow(fs: ReturnType<typeof fileSystem>, folder: string): string[] {
  const seen = new Set<string>()
  const found: { readonly folder: string; readonly files: string[] }[] = []
  const visit = (path: string) => {
    const real = fs.realpathSync(path)
    if (seen.has(real)) return
    seen.add(real)
    const { folders, files } = listFolder(fs, path)
    found.push({ folder: path, files: files.filter((name) => EXTENSIONS.some((extension) => name.toLowerCase().endsWith(extension))) })
    for (const name of folders) visit(inFolder(path, name))
  }
  visit(folder)
  found.sort((a, b) => (a.folder < b.folder ? -1 : 1))
  return found.flatMap(({ folder: path, files }) => files.map((name) => inFolder(path, name)))
}
