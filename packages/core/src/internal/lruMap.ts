/** A map that holds at most `capacity` entries and lets go of the one that was used longest ago. */
export class LruMap<K, V> {
  readonly capacity: number
  // A `Map` iterates in order of insertion; a use moves the entry to the end.
  private readonly entries = new Map<K, V>()
  // Goes on where the last eviction left off: from the beginning it would pass by everything that was deleted since.
  private eldest = this.entries.keys()

  constructor(capacity: number) {
    this.capacity = capacity
  }

  get size(): number {
    return this.entries.size
  }

  get(key: K): V | undefined {
    const value = this.entries.get(key)
    if (value !== undefined) {
      this.entries.delete(key)
      this.entries.set(key, value)
    }
    return value
  }

  set(key: K, value: V): void {
    this.entries.delete(key)
    this.entries.set(key, value)
    if (this.entries.size > this.capacity) this.evict()
  }

  delete(key: K): void {
    this.entries.delete(key)
  }

  clear(): void {
    this.entries.clear()
  }

  private evict(): void {
    let next = this.eldest.next()
    // It had come to the end when everything had been deleted.
    if (next.done === true) {
      this.eldest = this.entries.keys()
      next = this.eldest.next()
    }
    this.entries.delete(next.value!)
  }
}
