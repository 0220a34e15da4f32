/**
 * The entries of a registry and its last events, changed in synchronous steps.
 *
 * Invariants
 * - Members of one kind have different ids: the name for the first, `name#2`, `name#3` … for others of that name.
 * - A number that has come free is given again, so that ids do not multiply with time.
 */
import { callBack } from "../internal/runtime/callBack.ts"

/** What is entered: a guard of a kind, with a name. */
export interface Member {
  readonly kind: { readonly tag: string }
  readonly name: string
  readonly guard: unknown
}

/**
 * Is told at once, in the step in which it happens. What it throws is logged.
 *
 * @since 0.1.0
 * @category models
 */
export interface Observer<in Entry, in Event> {
  readonly entered?: ((member: Listed<Entry>) => void) | undefined
  readonly left?: ((member: Listed<Entry>) => void) | undefined
  /** The `metrics` of its kind answers more series than before. */
  readonly grew?: ((member: Listed<Entry>) => void) | undefined
  /** With the entry it happened to. */
  readonly happened?: ((event: Event, member: Listed<Entry>) => void) | undefined
}

/** A member under the id that tells it from others of its kind. */
export type Listed<Entry> = Entry & { readonly id: string }

export class EntryTable<Entry extends Member, Event> {
  private readonly members = new Map<string, Listed<Entry>>()
  private readonly byGuard = new Map<unknown, Listed<Entry>>()
  private readonly namesakes = new Map<string, number>()
  private readonly observers = new Set<Observer<Entry, Event>>()
  private readonly log: Array<Event> = []
  private readonly capacity: number
  private oldest = 0

  /** Remembers the last `capacity` events. */
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

  /** Enters a guard, which is in at most once; the answer takes it out again. */
  enter(entry: Entry): () => void {
    if (this.byGuard.has(entry.guard)) return () => {}
    const group = key(entry.kind.tag, entry.name)
    const count = (this.namesakes.get(group) ?? 0) + 1
    const member = { ...entry, id: this.freeId(entry, count) }
    const place = key(entry.kind.tag, member.id)
    this.namesakes.set(group, count)
    this.byGuard.set(entry.guard, member)
    this.members.set(place, member)
    this.tell((observer) => observer.entered?.(member))
    return () => {
      if (this.members.get(place) !== member) return
      this.members.delete(place)
      this.byGuard.delete(entry.guard)
      const left = this.namesakes.get(group)! - 1
      if (left === 0) this.namesakes.delete(group)
      else this.namesakes.set(group, left)
      this.tell((observer) => observer.left?.(member))
    }
  }

  /** Records what happened to a guard, if it is in. */
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

  /** Tells `observer` of everything from now on; the answer ends that. */
  observe(observer: Observer<Entry, Event>): () => void {
    this.observers.add(observer)
    return () => {
      this.observers.delete(observer)
    }
  }

  // What an observer throws is neither the fault of the guard that changed nor of the other observers.
  private tell(say: (observer: Observer<Entry, Event>) => unknown): void {
    // Those who are in now: one that comes again each time that it is told would be told without end.
    for (const observer of Array.from(this.observers)) callBack(() => say(observer))
  }

  // `count` is free unless someone below it has left: then the gap is looked for. So a thousand of one name cost no
  // search each.
  private freeId({ kind, name }: Entry, count: number): string {
    const numbered = (n: number) => n === 1 ? name : `${name}#${n}`
    const isFree = (n: number) => !this.members.has(key(kind.tag, numbered(n)))
    if (isFree(1)) return name
    let n = isFree(count) ? count : 2
    while (!isFree(n)) n++
    return numbered(n)
  }
}

const key = (tag: string, id: string): string => `${tag} ${id}`
