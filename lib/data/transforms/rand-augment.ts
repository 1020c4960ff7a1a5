/**
 * Random augmentations of bytes: RandAugment (Cubuk et al. 2019) and TrivialAugmentWide (Müller and Hutter 2021). Values in [0, 1] are
 * rounded to bytes, changed as torchvision changes those, and become values again.
 */
import { ValueError } from '../../tensor/errors.ts'
import { checkSize, optionsOf } from '../../tensor/options.ts'
import type { Generator } from '../../tensor/random.ts'
import { linspaceNumbers } from '../../tensor/sequence.ts'
import { Picture, type Size } from '../picture.ts'
import { checkSampling, inverseMatrix, sampleAffine, samplingDefaults, type Affine, type SamplingOptions } from './affine.ts'
import { adjustBrightness, adjustContrast, adjustSaturation, adjustSharpness, autocontrast, checkChannels, equalize, posterize, solarize, type Colors } from './color.ts'
import { drawInteger, roundHalfEven } from './draws.ts'
import { parseFill } from './options.ts'
import { Transform } from './transform.ts'

type Operation = (colors: Colors, magnitude: number, sampling: SamplingOptions) => Float32Array

/** The picture read through an affine map around `centre`, seen from the middle. */
function warp({ values, size }: Colors, affine: Partial<Affine>, { interpolation, fill }: SamplingOptions, centre?: readonly [number, number]): Float32Array {
  const matrix = inverseMatrix({ angle: 0, translate: [0, 0], scale: 1, shear: [0, 0], ...affine }, centre)
  const bytes = fill === undefined ? null : parseFill('RandAugment', fill, size[0]).map((value) => 255 * value)
  return sampleAffine(values, size, matrix, [size[1], size[2]], { interpolation, fill: bytes }).map(roundHalfEven)
}

const fromCorner = ([, height, width]: Size): [number, number] => [-width / 2, -height / 2]
const shearing = (magnitude: number) => (Math.atan(magnitude) * 180) / Math.PI

/** In the order in which they are numbered when one is drawn. */
const OPERATIONS = {
  Identity: ({ values }) => values,
  ShearX: (colors, magnitude, sampling) => warp(colors, { shear: [shearing(magnitude), 0] }, sampling, fromCorner(colors.size)),
  ShearY: (colors, magnitude, sampling) => warp(colors, { shear: [0, shearing(magnitude)] }, sampling, fromCorner(colors.size)),
  TranslateX: (colors, magnitude, sampling) => warp(colors, { translate: [Math.trunc(magnitude), 0] }, sampling),
  TranslateY: (colors, magnitude, sampling) => warp(colors, { translate: [0, Math.trunc(magnitude)] }, sampling),
  Rotate: (colors, magnitude, sampling) => warp(colors, { angle: -magnitude }, sampling),
  Brightness: (colors, magnitude) => adjustBrightness(colors, 1 + magnitude),
  Color: (colors, magnitude) => adjustSaturation(colors, 1 + magnitude),
  Contrast: (colors, magnitude) => adjustContrast(colors, 1 + magnitude),
  Sharpness: (colors, magnitude) => adjustSharpness(colors, 1 + magnitude),
  Posterize: (colors, magnitude) => posterize(colors, magnitude),
  Solarize: (colors, magnitude) => solarize(colors, magnitude),
  AutoContrast: (colors) => autocontrast(colors),
  Equalize: (colors) => equalize(colors),
} satisfies Record<string, Operation>

type OperationName = keyof typeof OPERATIONS
const NAMES = Object.keys(OPERATIONS) as OperationName[]

/** The magnitudes of an operation in as many steps as there are, and whether they may be negated. */
interface Magnitudes {
  readonly steps: ArrayLike<number>
  readonly signed: boolean
}

interface Ranges {
  readonly shear: number
  readonly translate: readonly [x: number, y: number]
  readonly rotate: number
  readonly colour: number
  /** How many bits posterizing takes away at most. */
  readonly bits: number
}

/** Null for operations without a magnitude. */
function magnitudesOf(name: OperationName, bins: number, { shear, translate, rotate, colour, bits }: Ranges): Magnitudes | null {
  const upTo = (most: number): Magnitudes => ({ steps: linspaceNumbers(0, most, bins), signed: true })
  switch (name) {
    case 'ShearX':
    case 'ShearY':
      return upTo(shear)
    case 'TranslateX':
      return upTo(translate[0])
    case 'TranslateY':
      return upTo(translate[1])
    case 'Rotate':
      return upTo(rotate)
    case 'Brightness':
    case 'Color':
    case 'Contrast':
    case 'Sharpness':
      return upTo(colour)
    case 'Posterize':
      return { steps: Array.from({ length: bins }, (_, i) => 8 - roundHalfEven(Math.fround(i / Math.fround((bins - 1) / bits)))), signed: false }
    case 'Solarize':
      return { steps: linspaceNumbers(255, 0, bins), signed: false }
    default:
      return null
  }
}

/** An operation that was drawn, and how strong it is. */
interface Step {
  readonly name: OperationName
  readonly magnitude: number
}

/** Draws an operation; a magnitude's number where `chosen` is none; and a sign where there is one. */
function drawStep(generator: Generator, bins: number, ranges: Ranges, chosen: number | null): Step {
  const name = NAMES[drawInteger(generator, 0, NAMES.length)]
  const magnitudes = magnitudesOf(name, bins, ranges)
  if (!magnitudes) return { name, magnitude: 0 }
  const magnitude = magnitudes.steps[chosen ?? drawInteger(generator, 0, bins)]
  return { name, magnitude: magnitudes.signed && drawInteger(generator, 0, 2) === 1 ? -magnitude : magnitude }
}

function applySteps(operation: string, picture: Picture, steps: readonly Step[], sampling: SamplingOptions): Picture {
  const { size } = picture
  checkChannels(operation, size)
  const bytes = picture.floats().map((value) => Math.min(Math.max(Math.round(255 * value), 0), 255))
  const values = steps.reduce<Float32Array>((those, { name, magnitude }) => OPERATIONS[name]({ values: those, size, bound: 255 }, magnitude, sampling), bytes)
  return Picture.ofFloats(values.map((value) => value / 255), size)
}

export interface RandAugmentOptions extends SamplingOptions {
  /** How many operations one after the other. */
  readonly numOps?: number
  /** How strong each is: from 0 to numMagnitudeBins − 1. */
  readonly magnitude?: number
  readonly numMagnitudeBins?: number
}

/**
 * Some operations of equal strength. Draws, for each, which one, and a sign where there is one.
 * Same as torchvision.transforms.RandAugment on bytes.
 */
export class RandAugment extends Transform<readonly Step[]> {
  readonly options: RandAugmentOptions & { readonly numOps: number; readonly magnitude: number; readonly numMagnitudeBins: number }

  constructor(options: RandAugmentOptions = {}) {
    super(options)
    this.options = checkSampling('RandAugment', optionsOf('RandAugment', options, { ...samplingDefaults, numOps: 2, magnitude: 9, numMagnitudeBins: 31 }))
    const { numOps, magnitude, numMagnitudeBins } = this.options
    checkSize('RandAugment', 'numOps', numOps, 0)
    checkSize('RandAugment', 'numMagnitudeBins', numMagnitudeBins, 2)
    if (!Number.isInteger(magnitude) || magnitude < 0 || magnitude >= numMagnitudeBins)
      throw new ValueError('RandAugment', `magnitude ${magnitude} is not a whole number from 0 to ${numMagnitudeBins - 1}`, 'give a magnitude below numMagnitudeBins')
  }
  draw([, height, width]: Size, generator: Generator): readonly Step[] {
    const { numOps, magnitude, numMagnitudeBins } = this.options
    const ranges = { shear: 0.3, translate: [(150 / 331) * width, (150 / 331) * height], rotate: 30, colour: 0.9, bits: 4 } as const
    return Array.from({ length: numOps }, () => drawStep(generator, numMagnitudeBins, ranges, magnitude))
  }
  apply(picture: Picture, steps: readonly Step[]): Picture {
    return applySteps('RandAugment', picture, steps, this.options)
  }
}

export interface TrivialAugmentWideOptions extends SamplingOptions {
  readonly numMagnitudeBins?: number
}

/**
 * One operation of random strength. Draws which, how strong, and a sign where there is one.
 * Same as torchvision.transforms.TrivialAugmentWide on bytes.
 */
export class TrivialAugmentWide extends Transform<Step> {
  readonly options: TrivialAugmentWideOptions & { readonly numMagnitudeBins: number }

  constructor(options: TrivialAugmentWideOptions = {}) {
    super(options)
    this.options = checkSampling('TrivialAugmentWide', optionsOf('TrivialAugmentWide', options, { ...samplingDefaults, numMagnitudeBins: 31 }))
    checkSize('TrivialAugmentWide', 'numMagnitudeBins', this.options.numMagnitudeBins, 2)
  }
  draw(_size: Size, generator: Generator): Step {
    return drawStep(generator, this.options.numMagnitudeBins, { shear: 0.99, translate: [32, 32], rotate: 135, colour: 0.99, bits: 6 }, null)
  }
  apply(picture: Picture, step: Step): Picture {
    return applySteps('TrivialAugmentWide', picture, [step], this.options)
  }
}
