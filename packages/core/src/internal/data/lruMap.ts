/** A map ordered by use. `get` and `set` move an entry to the end; `shift` removes the least recently used one. */
export class LruMap<K, V> {
  private readonly entries = new Map<K, Entry<K, V>>()
  // A linked list from the least to the most recently used. Moving an entry in a `Map` means deleting it, and a `Map`
  // keeps skipping deleted entries.
  private eldest: Entry<K, V> | undefined
  private youngest: Entry<K, V> | undefined

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

  /** Reads without counting as a use. */
  peek(key: K): V | undefined {
    return this.entries.get(key)?.value
  }

  set(key: K, value: V): void {
    const known = this.entries.get(key)
    // In its place: a `Map` that loses a key and gets it again is built anew again and again.
    if (known !== undefined) {
      known.value = value
      if (known === this.youngest) return
      this.unlink(known)
      this.link(known)
      return
    }
    const entry: Entry<K, V> = { key, value, older: undefined, younger: undefined }
    this.entries.set(key, entry)
    this.link(entry)
  }

  delete(key: K): V | undefined {
    const entry = this.entries.get(key)
    if (entry === undefined) return undefined
    this.entries.delete(key)
    this.unlink(entry)
    return entry.value
  }

  /** The key of the least recently used entry. */
  get eldestKey(): K | undefined {
    return this.eldest?.key
  }

  /** Removes the least recently used entry. */
  shift(): V | undefined {
    return this.eldest && this.delete(this.eldest.key)
  }

  /** From the least to the most recently used. Does not count as a use. */
  forEach(each: (value: V, key: K) => void): void {
    for (let entry = this.eldest; entry !== undefined; entry = entry.younger) each(entry.value, entry.key)
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

  private unlink(entry: Entry<K, V>): void {
    const { older, younger } = entry
    if (older === undefined) this.eldest = younger
    else older.younger = younger
    if (younger === undefined) this.youngest = older
    else younger.older = older
    // An entry that is garbage in the old generation would keep all later ones.
    entry.older = entry.younger = undefined
  }
}

interface Entry<K, V> {
  readonly key: K
  value: V
  older: Entry<K, V> | undefined
  younger: Entry<K, V> | undefined
}
