/**
 * The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998). Its state is 624 words of 32 bits and the place of the next one to be
 * shown: 1 to 623, or, when all have been, 624; 0 stands for that in a fresh state. Words are shown tempered.
 */

export const WORDS = 624
export const SHIFT = 397
export const TWIST = 0x9908b0df | 0

/** The recurrence: the next 624 words, in place. */
export function twist(words: Uint32Array): void {
  let i = 0
  for (; i < WORDS - SHIFT; i++) words[i] = twisted(words[i], words[i + 1], words[i + SHIFT])
  for (; i < WORDS - 1; i++) words[i] = twisted(words[i], words[i + 1], words[i + SHIFT - WORDS])
  words[i] = twisted(words[i], words[0], words[SHIFT - 1])
}

/** A word's successor, from itself, the next word and the one `SHIFT` further on. */
function twisted(word: number, next: number, far: number): number {
  const y = (word & ~0x7fffffff) | (next & 0x7fffffff)
  return far ^ (y >>> 1) ^ (-(y & 1) & TWIST)
}

/** The 32 bits that a word of the state shows, as a signed number. */
export function temper(word: number): number {
  let y = word ^ (word >>> 11)
  y ^= (y << 7) & 0x9d2c5680
  y ^= (y << 15) & 0xefc60000
  return y ^ (y >>> 18)
}

/** The place after so many draws, at least one, from the place `next`. */
export function placeAfter(next: number, draws: number): number {
  return (((next === 0 ? WORDS : next) + draws - 1) % WORDS) + 1
}

/** Whether the words have to be twisted before the next is shown. */
export const isUsedUp = (next: number): boolean => next === 0 || next === WORDS

/**
 * A uniform number of 53 bits, the low ones of 64 of which the first draw is the high half, is below p if they are below p · 2⁵³, rounded
 * up: its upper 21 bits and its lower 32.
 */
export function boundOf(p: number): readonly [upper: number, lower: number] {
  const bound = Math.ceil(p * 2 ** 53)
  return [Math.floor(bound / 2 ** 32), bound % 2 ** 32]
}
