/** A map that holds at most `capacity` entries and lets go of the one that was used longest ago. */
export class LruMap<K, V> {
  readonly capacity: number
  private readonly entries = new Map<K, Entry<K, V>>()
  // From the one used longest ago to the one used last. A `Map` has an order of its own, but to move an entry in it is to
  // delete it, and what was deleted is passed by again and again.
  private eldest: Entry<K, V> | undefined
  private youngest: Entry<K, V> | undefined

  constructor(capacity: number) {
    this.capacity = capacity
  }

  get size(): number {
    return this.entries.size
  }

  get(key: K): V | undefined {
    const entry = this.entries.get(key)
    if (entry !== undefined && entry !== this.youngest) {
      this.unlink(entry)
      this.link(entry)
    }
    return entry?.value
  }

  set(key: K, value: V): void {
    this.delete(key)
    if (this.entries.size === this.capacity) this.delete(this.eldest!.key)
    const entry: Entry<K, V> = { key, value, older: undefined, younger: undefined }
    this.entries.set(key, entry)
    this.link(entry)
  }

  delete(key: K): void {
    const entry = this.entries.get(key)
    if (entry === undefined) return
    this.entries.delete(key)
    this.unlink(entry)
  }

  clear(): void {
    this.entries.clear()
    this.eldest = undefined
    this.youngest = undefined
  }

  private link(entry: Entry<K, V>): void {
    entry.older = this.youngest
    entry.younger = undefined
    if (this.youngest === undefined) this.eldest = entry
    else this.youngest.younger = entry
    this.youngest = entry
  }

  private unlink({ older, younger }: Entry<K, V>): void {
    if (older === undefined) this.eldest = younger
    else older.younger = younger
    if (younger === undefined) this.youngest = older
    else younger.older = older
  }
}

interface Entry<K, V> {
  readonly key: K
  readonly value: V
  older: Entry<K, V> | undefined
  younger: Entry<K, V> | undefined
}
