import type { Kafkajs } from './parts.js'

/**
 * kafkajs takes the memory for an array as soon as its length is announced, up to 256 MB for each of those within each
 * other: an answer of twenty bytes ended a process whose threads have small heaps. An array that grows with what is read
 * ends with the answer at the latest, and is the same one otherwise, also for whoever else uses this kafkajs.
 */
export const letArraysGrow = ({ Decoder }: Pick<Kafkajs, 'Decoder'>): void => {
  Decoder.prototype.readArray = function (read) {
    const length = this.readInt32()
    if (length < -1) throw new RangeError(`an array of ${length} items`)
    const items: ReturnType<typeof read>[] = []
    for (let left = length; left > 0; left--) items.push(read(this))
    return items
  }
}
