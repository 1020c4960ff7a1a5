/** Sums of products in Einstein's notation, as permutations and, for each pair of operands, one batched matrix product, or one with broadcasting where nothing is summed. */
import { ShapeError, ValueError } from '../tensor/errors.ts'
import { numelOf, sameShape, showShape } from '../tensor/shape.ts'
import { checkTensors, named } from './op.ts'
import type { Tensor } from './tensor.ts'

/** A tensor whose dimensions bear letters. */
interface Term {
  readonly letters: string
  readonly x: Tensor
}

/**
 * einsum('bij,bjk->bik', a, b). Letters that are not on the right are summed over; without an arrow the letters that occur
 * once are kept, in alphabetical order. A letter twice in one operand takes the diagonal. '...' stands for all dimensions without a
 * letter, which broadcast; without an arrow they come first. Same as torch.einsum.
 */
export function einsum(equation: string, ...operands: Tensor[]): Tensor {
  const refuse = (problem: string) => new ValueError('einsum', `'${equation}': ${problem}`, "write it like 'bij,bjk->bik', a letter for each dimension of each operand")
  if (typeof equation !== 'string') throw refuse('it is no text')
  checkTensors('einsum', operands)
  const [left, right, ...more] = equation.replaceAll(' ', '').split('->')
  const written = left.split(',')
  if (more.length > 0) throw refuse('it has more than one arrow')
  if (written.length !== operands.length) throw refuse(`there are ${written.length} groups of letters for ${operands.length} operands`)
  if (![...written, right ?? ''].every((group) => /^[a-zA-Z]*(\.\.\.)?[a-zA-Z]*$/.test(group))) throw refuse("only letters can name dimensions, and '...' once those without one")
  const groups = written.map((group, i) => group.replace('...', unnamed(operands[i].ndim - group.length + 3)))
  const letters = [...groups.join('')]
  const rest = unnamed(Math.max(0, ...written.map((group, i) => (group.includes('...') ? operands[i].ndim - group.length + 3 : 0))))
  const once = [...new Set(letters)].filter((letter) => !rest.includes(letter) && letters.filter((other) => other === letter).length === 1)
  const output = right?.replace('...', rest) ?? rest + once.sort().join('')
  if (new Set(output).size !== output.length || [...output].some((letter) => !letters.includes(letter))) throw refuse('each letter on the right must stand there once, and on the left')
  groups.forEach((group, i) => {
    if (group.length !== operands[i].ndim) throw refuse(`'${written[i]}' names ${written[i].replace('...', '').length} dimensions, operand ${i} has shape ${showShape(operands[i].shape)}`)
  })
  const terms = sameSizes(equation, groups.map((group, i) => ({ letters: group, x: operands[i] }))).map(diagonal)
  if (terms.length === 1) return sumBehind(terms[0], output)
  if (letters.every((letter) => output.includes(letter))) return terms.map((term) => spread(term, output)).reduce((product, x) => product.mul(x))
  const wantedAfter = (i: number) => new Set([output, ...groups.slice(i + 1)].join(''))
  const inOrder = (letter: string) => (output + letters.join('')).indexOf(letter)
  const sorted = terms.map((term) => withLetters(term, [...term.letters].sort((a, b) => inOrder(a) - inOrder(b)).join('')))
  const product = sumExcept(sorted.reduce((result, term, i) => contract(result, term, wantedAfter(i))), new Set(output))
  return named('ViewBackward0', arrange(product, output))
}

const withLetters = (term: Term, letters: string): Term => ({ letters, x: arrange(term, letters) })

/** A term with its dimensions in the order of `letters`, of size 1 where it has none. */
function spread(term: Term, letters: string): Tensor {
  const had = [...letters].filter((letter) => term.letters.includes(letter)).join('')
  return [...letters].reduce((x, letter, d) => (had.includes(letter) ? x : x.unsqueeze(d)), arrange(term, had))
}

/** A single term with its dimensions in the order of `output`, summed over those that are not in it. */
function sumBehind(term: Term, output: string): Tensor {
  const rest = [...term.letters].filter((letter) => !output.includes(letter)).join('')
  const ordered = arrange(term, output + rest)
  return rest === '' ? ordered : ordered.sum(Array.from(rest, (_, i) => output.length + i))
}

/** What the `count` dimensions behind '...' are called: they are matched from the last. */
const unnamed = (count: number) => Array.from({ length: Math.max(0, count) }, (_, i) => String.fromCharCode(0xe000 + count - i)).join('')

/** Stretches sizes of 1 to what the same letter has elsewhere. */
function sameSizes(equation: string, terms: readonly Term[]): Term[] {
  const sizes = new Map<string, number>()
  for (const { letters, x } of terms)
    [...letters].forEach((letter, d) => {
      const known = sizes.get(letter) ?? 1
      if (known !== 1 && x.shape[d] !== 1 && known !== x.shape[d])
        throw new ShapeError('einsum', `'${equation}': ${letter} has size ${known} in one place and ${x.shape[d]} in another`, 'the same letter must have the same size everywhere')
      sizes.set(letter, known === 1 ? x.shape[d] : known)
    })
  return terms.map(({ letters, x }) => {
    const shape = [...letters].map((letter) => sizes.get(letter) ?? 1)
    return { letters, x: sameShape(shape, x.shape) ? x : x.expand(shape) }
  })
}

/** The diagonal over a letter that stands twice, until none does. */
function diagonal({ letters, x }: Term): Term {
  const second = [...letters].findIndex((letter, d) => letters.indexOf(letter) < d)
  if (second < 0) return { letters, x }
  const first = letters.indexOf(letters[second])
  const others = letters.slice(0, second) + letters.slice(second + 1)
  return diagonal({ letters: others, x: x.diagonal(0, first, second).movedim(-1, first) })
}

/** Sums over all letters but those to keep. */
function sumExcept({ letters, x }: Term, keep: ReadonlySet<string>): Term {
  const dims = [...letters].flatMap((letter, d) => (keep.has(letter) ? [] : [d]))
  return dims.length === 0 ? { letters, x } : { letters: [...letters].filter((letter) => keep.has(letter)).join(''), x: x.sum(dims) }
}

/** The dimensions in the order of `letters`. */
function arrange(term: Term, letters: string): Tensor {
  return term.x.permute([...letters].map((letter) => term.letters.indexOf(letter)))
}

/** The product of two terms, summed over the letters that both have and nobody wants any more. */
function contract(first: Term, second: Term, wanted: ReadonlySet<string>): Term {
  const a = sumExcept(first, new Set([...wanted, ...second.letters]))
  const b = sumExcept(second, new Set([...wanted, ...first.letters]))
  const shared = [...a.letters].filter((letter) => b.letters.includes(letter))
  const batch = shared.filter((letter) => wanted.has(letter)).join('')
  const summed = shared.filter((letter) => !wanted.has(letter)).join('')
  if (summed === '') {
    const letters = [...wanted].filter((letter) => a.letters.includes(letter) || b.letters.includes(letter)).join('')
    return { letters, x: spread(a, letters).mul(spread(b, letters)) }
  }
  const rows = [...a.letters].filter((letter) => !b.letters.includes(letter)).join('')
  const columns = [...b.letters].filter((letter) => !a.letters.includes(letter)).join('')
  const size = (letters: string) => [...letters].map((letter) => (a.letters.includes(letter) ? a.x.shape[a.letters.indexOf(letter)] : b.x.shape[b.letters.indexOf(letter)]))
  const [B, M, K, N] = [batch, rows, summed, columns].map((letters) => numelOf(size(letters)))
  const left = arrange(a, batch + rows + summed).reshape([B, M, K])
  const right = arrange(b, batch + summed + columns).reshape([B, K, N])
  return { letters: batch + rows + columns, x: left.matmul(right).reshape([...size(batch), ...size(rows), ...size(columns)]) }
}
