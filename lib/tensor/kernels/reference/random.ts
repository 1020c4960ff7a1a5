/** Draws from the Mersenne Twister, in plain TypeScript. */
import { boundOf, isUsedUp, temper, twist, WORDS } from '../../mersenne-twister.ts'
import type { NDArray } from '../../ndarray.ts'

/** The words of a state, which an array holds as the bits of its numbers. */
const wordsOf = ({ storage: { data }, offset }: NDArray) => new Uint32Array(data.buffer, data.byteOffset + 4 * offset, WORDS)

export function bernoulli(out: NDArray, nextState: NDArray, state: NDArray, next: number, p: number, one: number): void {
  const [upper, lower] = boundOf(p)
  const words = wordsOf(nextState)
  words.set(wordsOf(state))
  const draw = () => {
    if (isUsedUp(next)) {
      twist(words)
      next = 0
    }
    return temper(words[next++])
  }
  for (let i = 0; i < out.numel; i++) {
    const high = draw() & 0x1fffff
    const low = draw() >>> 0
    out.storage.data[out.offset + i] = high < upper || (high === upper && low < lower) ? one : 0
  }
}
