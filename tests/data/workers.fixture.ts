/** A program that leaves a loader's iterator in the middle without ending it, while its workers sleep. */
import { data } from 'vitgrad'

const bytes = { images: new Uint8Array(400 * 12), labels: new Uint8Array(400) }
const loader = new data.DataLoader(new data.ImageDataset(bytes, { shape: [3, 2, 2], classes: [] }), { batchSize: 1, numWorkers: 2 })
const batches = loader[Symbol.iterator]()
for (let batch = 0; batch < 50; batch++) {
  batches.next()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
}
console.log('left')
