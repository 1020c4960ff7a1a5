/** Where the numbers of arrays live. Views share a storage, so a change through one of them is seen by all. */
export class Storage {
  readonly data: Float32Array
  /** Counts the changes made in place; a gradient that needs the old values compares it. */
  version = 0

  constructor(data: Float32Array) {
    this.data = data
  }
}

/** A new storage of `numel` zeros. */
export function allocate(numel: number): Storage {
  return new Storage(new Float32Array(numel))
}
