/**
 * The entries of a registry and its last events, changed in synchronous steps.
 *
 * Invariants
 *
 * - Entries of one kind have different ids: the name for the first, `name#2`, `name#3` … for others with that name.
 * - A free number is reused, so that ids do not grow with time.
 */
import { callBack } from "../internal/runtime/callBack.ts"

/** A guard of a kind, with a name. */
export interface Member {
  readonly kind: { readonly tag: string }
  readonly name: string
  readonly guard: unknown
}

/**
 * Callbacks of a subscriber, called synchronously in the step of the change. What a callback throws is logged.
 *
 * @since 0.1.0
 * @category models
 */
export interface Observer<in Entry, in Event> {
  readonly entered?: ((member: Listed<Entry>) => void) | undefined
  readonly left?: ((member: Listed<Entry>) => void) | undefined
  /** The `metrics` of its kind answers more series than before. */
  readonly grew?: ((member: Listed<Entry>) => void) | undefined
  /** `member` is the entry that changed. */
  readonly happened?: ((event: Event, member: Listed<Entry>) => void) | undefined
}

/** An entry with its id, which is unique among entries of one kind. */
export type Listed<Entry> = Entry & { readonly id: string }

export class EntryTable<Entry extends Member, Event> {
  private readonly members = new Map<string, Listed<Entry>>()
  private readonly byGuard = new Map<unknown, Listed<Entry>>()
  // How many have entered a guard and not taken it out, and what takes it out.
  private readonly holders = new Map<unknown, number>()
  private readonly leaving = new Map<unknown, () => void>()
  private readonly namesakes = new Map<string, number>()
  private readonly observers = new Set<Observer<Entry, Event>>()
  private readonly log: Array<Event> = []
  private readonly capacity: number
  private oldest = 0

  /** Keeps the last `capacity` events. */
  constructor(capacity: number) {
    this.capacity = capacity
  }

  get entries(): ReadonlyArray<Listed<Entry>> {
    return [...this.members.values()]
  }

  /** Oldest first. */
  get history(): ReadonlyArray<Event> {
    return [...this.log.slice(this.oldest), ...this.log.slice(0, this.oldest)]
  }

  find(tag: string, id: string): Listed<Entry> | undefined {
    return this.members.get(key(tag, id))
  }

  /** Adds a guard, unless it is there already. Returns a function that removes it. */
  enter(entry: Entry): () => void {
    const holders = this.holders.get(entry.guard) ?? 0
    this.holders.set(entry.guard, holders + 1)
    const release = this.leavesOnce(entry.guard)
    if (holders > 0) return release
    const group = key(entry.kind.tag, entry.name)
    const count = (this.namesakes.get(group) ?? 0) + 1
    const member = { ...entry, id: this.freeId(entry, count) }
    const place = key(entry.kind.tag, member.id)
    this.namesakes.set(group, count)
    this.byGuard.set(entry.guard, member)
    this.members.set(place, member)
    this.leaving.set(entry.guard, () => {
      this.members.delete(place)
      this.byGuard.delete(entry.guard)
      const left = this.namesakes.get(group)! - 1
      if (left === 0) this.namesakes.delete(group)
      else this.namesakes.set(group, left)
      this.tell((observer) => observer.left?.(member))
    })
    this.tell((observer) => observer.entered?.(member))
    return release
  }

  // It is out when the last of those that have entered it takes it out, each once.
  private leavesOnce(guard: unknown): () => void {
    let isIn = true
    return () => {
      if (!isIn) return
      isIn = false
      const holders = this.holders.get(guard)! - 1
      if (holders > 0) return void this.holders.set(guard, holders)
      const leave = this.leaving.get(guard)
      this.holders.delete(guard)
      this.leaving.delete(guard)
      leave?.()
    }
  }

  /** Records a change of a guard, if the guard is registered. */
  announce(guard: unknown, event: (member: Listed<Entry>) => Event): void {
    const member = this.byGuard.get(guard)
    if (member === undefined) return
    const happened = event(member)
    if (this.capacity > 0) {
      this.log[this.oldest] = happened
      this.oldest = (this.oldest + 1) % this.capacity
    }
    this.tell((observer) => observer.happened?.(happened, member))
  }

  /** Tells that there are more series of a guard than before, if it is in. */
  grew(guard: unknown): void {
    const member = this.byGuard.get(guard)
    if (member !== undefined) this.tell((observer) => observer.grew?.(member))
  }

  /** Subscribes to later events, synchronously. Returns an unsubscribe function. */
  observe(observer: Observer<Entry, Event>): () => void {
    this.observers.add(observer)
    return () => {
      this.observers.delete(observer)
    }
  }

  // An observer that throws must affect neither the guard that changed nor the other observers.
  private tell(say: (observer: Observer<Entry, Event>) => unknown): void {
    // A copy: an observer that subscribes again each time it is called would otherwise loop forever.
    for (const observer of Array.from(this.observers)) callBack(() => say(observer))
  }

  // `count` is free unless an entry with a lower number has left; only then a free number is searched. A thousand
  // guards with one name therefore cost no search.
  private freeId({ kind, name }: Entry, count: number): string {
    const numbered = (n: number) => n === 1 ? name : `${name}#${n}`
    const isFree = (n: number) => !this.members.has(key(kind.tag, numbered(n)))
    if (isFree(1)) return name
    let n = isFree(count) ? count : 2
    while (!isFree(n)) n++
    return numbered(n)
  }
}

const key = (tag: string, id: string): string => JSON.stringify([tag, id])
