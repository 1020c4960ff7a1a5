/** Reads a tar archive (POSIX ustar: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html) in memory. */

const BLOCK = 512

/** The plain files of an archive by their path; their bytes are views into `archive`. */
export function readTar(archive: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  let at = 0
  while (at + BLOCK <= archive.length && archive[at] !== 0) {
    const path = text(archive, at, 100)
    const size = Number.parseInt(text(archive, at + 124, 12), 8)
    const type = text(archive, at + 156, 1)
    at += BLOCK
    if (!(at + size <= archive.length)) throw new Error(`the tar archive is broken at '${path}'`)
    if (type === '' || type === '0') files.set(path, archive.subarray(at, at + size))
    at += Math.ceil(size / BLOCK) * BLOCK
  }
  return files
}

/** A field of a header: what stands before its first zero byte. */
function text(bytes: Uint8Array, start: number, length: number): string {
  const field = bytes.subarray(start, start + length)
  const end = field.indexOf(0)
  return new TextDecoder('latin1').decode(end < 0 ? field : field.subarray(0, end))
}
