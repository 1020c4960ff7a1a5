/** What a worker of a loader does: see prefetch.ts. */
import { fromSeeds } from './image-source.ts'
import { fromPlain } from './portable.ts'
import { DELIVERED, FAILED, FREE, LIMIT, STATES, type Delivery, type PrefetchData } from './prefetch.ts'

/** Prepares batches that nobody else has taken, until there are none left or all is over. */
export function prepareBatches({ source, order, batchSize, first, batches, seed, cells, port, taker }: PrefetchData): void {
  const pictures = fromPlain(source)
  const prepare = (batch: number): void => {
    const start = batch * batchSize
    const delivery: Delivery = { batch, ...pictures.prepare(order.subarray(start, start + batchSize), fromSeeds(seed + BigInt(start))) }
    port.postMessage(delivery, [delivery.images.buffer, delivery.labels.buffer])
  }
  for (let batch = first; batch < batches; batch++) {
    if (!awaitTurn(cells, batch)) return
    const place = STATES + batch
    if (Atomics.compareExchange(cells, place, FREE, taker) !== FREE) continue
    let outcome = DELIVERED
    try {
      prepare(batch)
    } catch {
      outcome = FAILED
    }
    Atomics.store(cells, place, outcome)
    Atomics.notify(cells, place)
  }
}

/** Sleeps until the batch may be begun; false when all is over. */
function awaitTurn(cells: Int32Array, batch: number): boolean {
  for (;;) {
    const limit = Atomics.load(cells, LIMIT)
    if (limit < 0) return false
    if (batch < limit) return true
    Atomics.wait(cells, LIMIT, limit)
  }
}
