/** Printing: the text of a tensor, character for character what Python's print(tensor) shows with PyTorch's default options. */
import { ShapeError } from './errors.ts'
import type { Shape } from './shape.ts'
import { numelOf, showShape } from './shape.ts'

type PrintedType = 'float32' | 'int64' | 'bool'
type Show = (value: number) => string

const PREFIX = 'tensor('
const LINE_WIDTH = 80
/** A tensor of more numbers than this is summarised: the first and last EDGE_ITEMS of each dimension, `...` between. */
const THRESHOLD = 1000
const EDGE_ITEMS = 3
const DECIMALS = 4
const ELLIPSIS = -1

/**
 * The text of the tensor whose numbers, in row-major order, are `values`. `suffixes` follow the numbers, such as
 * `requires_grad=True` or `grad_fn=<MulBackward0>`. Same as str(torch.Tensor) for these dtypes on the CPU.
 * Throws ShapeError if `values` does not fill `shape`.
 */
export function formatTensor(
  values: ArrayLike<number>,
  shape: Shape,
  { dtype = 'float32', suffixes = [] }: { dtype?: PrintedType; suffixes?: readonly string[] } = {},
): string {
  const numel = numelOf(shape)
  if (values.length !== numel)
    throw new ShapeError('formatTensor', `${showShape(shape)} holds ${numel} numbers, not ${values.length}`, 'pass exactly the numbers of the tensor')
  if (numel === 0) return appendSuffixes(`${PREFIX}[]`, [...emptySuffixes(shape, dtype), ...suffixes])

  const shown = shape.map((size) => shownIndices(size, numel > THRESHOLD))
  const { show, width } = chooseNotation(shownValues(values, shape, shown), dtype)
  const elementsPerLine = Math.max(1, Math.floor((LINE_WIDTH - PREFIX.length - shape.length + 1) / (width + ', '.length)))

  /** The part of the tensor that begins at the given index of dimension `dim`, the indices before it folded into `offset`. */
  const block = (dim: number, offset: number): string => {
    if (dim === shape.length) return show(values[offset]).padStart(width)
    const isRow = dim === shape.length - 1
    const dots = isRow ? ' ...' : '...'
    const parts = shown[dim].map((i) => (i === ELLIPSIS ? dots : block(dim + 1, offset * shape[dim] + i)))
    const indent = ' '.repeat(PREFIX.length + dim + 1)
    if (!isRow) return `[${parts.join(`,${'\n'.repeat(shape.length - dim - 1)}${indent}`)}]`
    return `[${inLines(parts, elementsPerLine).join(`,\n${indent}`)}]`
  }
  return appendSuffixes(PREFIX + block(0, 0), suffixes)
}

/** What an empty tensor says of itself, since its brackets tell neither the shape nor the dtype. */
function emptySuffixes(shape: Shape, dtype: PrintedType): string[] {
  const size = shape.length === 1 ? [] : [`size=${showShape(shape)}`]
  return dtype === 'float32' ? size : [...size, `dtype=torch.${dtype}`]
}

/** The indices of a dimension that are printed, ELLIPSIS standing for those left out. */
function shownIndices(size: number, summarize: boolean): number[] {
  const all = (length: number, start = 0) => Array.from({ length }, (_, i) => start + i)
  if (!summarize || size <= 2 * EDGE_ITEMS) return all(size)
  return [...all(EDGE_ITEMS), ELLIPSIS, ...all(EDGE_ITEMS, size - EDGE_ITEMS)]
}

/** The numbers that are printed: only they decide on notation and width. */
function shownValues(values: ArrayLike<number>, shape: Shape, shown: readonly number[][]): number[] {
  let offsets = [0]
  shape.forEach((size, d) => {
    const indices = shown[d].filter((i) => i !== ELLIPSIS)
    offsets = offsets.flatMap((offset) => indices.map((i) => offset * size + i))
  })
  return offsets.map((offset) => values[offset])
}

/** How each number is written, and the width to which it is padded. Zeros, nan and inf have no say in either. */
function chooseNotation(shown: readonly number[], dtype: PrintedType): { show: Show; width: number } {
  const deciding = dtype === 'float32' ? shown.filter((value) => value !== 0 && Number.isFinite(value)) : shown
  const show = dtype === 'bool' ? showBool : dtype === 'int64' ? showInteger : floatNotation(deciding)
  return { show, width: deciding.reduce((width, value) => Math.max(width, show(value).length), 1) }
}

function floatNotation(finite: readonly number[]): Show {
  const whole = finite.every(Number.isInteger)
  const largest = finite.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  const smallest = finite.reduce((min, value) => Math.min(min, Math.abs(value)), Infinity)
  if (largest / smallest > 1000 || largest > 1e8 || smallest < 1e-4) return showSigned(scientific)
  return whole ? showSigned((magnitude) => `${magnitude.toFixed(0)}.`) : showSigned(fixed)
}

const showBool: Show = (value) => (value ? 'True' : 'False')

const showInteger: Show = (value) => value.toFixed(0)

/** Puts the sign, -0's too, before a finite magnitude; names the others as Python does. */
function showSigned(showMagnitude: Show): Show {
  return (value) => {
    if (Number.isNaN(value)) return 'nan'
    const sign = value < 0 || Object.is(value, -0) ? '-' : ''
    return sign + (Number.isFinite(value) ? showMagnitude(Math.abs(value)) : 'inf')
  }
}

/** 0.5 -> 0.5000, as C's %.4f. */
const fixed: Show = (magnitude) => evenTie(magnitude.toFixed(30)) ?? magnitude.toFixed(DECIMALS)

/** 12345678 -> 1.2346e+07, as C's %.4e, whose exponent has at least two digits. */
const scientific: Show = (magnitude) =>
  (evenTie(magnitude.toExponential(30)) ?? magnitude.toExponential(DECIMALS)).replace(/(?<=e[+-])(?=\d$)/, '0')

/**
 * C rounds an exact tie to the even digit, JavaScript upwards: 0.03125 is 0.0312 and 0.0313. So where the tie lies above an
 * even digit, this is the text without the 5, otherwise null. Thirty digits tell a float32 tie from its neighbours.
 */
function evenTie(digits: string): string | null {
  const tie = /^(\d+\.\d{3}[02468])50*(e.*)?$/.exec(digits)
  return tie && tie[1] + (tie[2] ?? '')
}

function inLines(parts: readonly string[], perLine: number): string[] {
  const lines: string[] = []
  for (let i = 0; i < parts.length; i += perLine) lines.push(parts.slice(i, i + perLine).join(', '))
  return lines
}

/** Adds each suffix to the last line, or on a line of its own where it would not fit, and closes the parenthesis. */
function appendSuffixes(text: string, suffixes: readonly string[]): string {
  // PyTorch takes the last line of the numbers for two characters longer than it is.
  let lineLength = text.length - text.lastIndexOf('\n') + 1
  for (const suffix of suffixes) {
    if (lineLength + ', '.length + suffix.length > LINE_WIDTH) {
      text += `,\n${' '.repeat(PREFIX.length)}${suffix}`
      lineLength = PREFIX.length + suffix.length
    } else {
      text += `, ${suffix}`
      lineLength += ', '.length + suffix.length
    }
  }
  return `${text})`
}
