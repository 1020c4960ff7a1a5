/** Values as Python prints them, for the text of modules. */

/** A float: 0.5, 1.0, 1e-05. Python writes exponents below 1e-4 and from 1e16 on, with at least two digits. */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : value < 0 ? '-inf' : 'nan'
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [mantissa, exponent] = value.toExponential().split('e')
    return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`
  }
  return Number.isInteger(value) ? `${value}.0` : String(value)
}

export const pythonBool = (value: boolean): string => (value ? 'True' : 'False')

/** A size as it was given: 2 or (2, 3). */
export const pythonSize = (value: number | readonly number[]): string => (typeof value === 'number' ? String(value) : value.length === 1 ? `(${value[0]},)` : `(${value.join(', ')})`)
