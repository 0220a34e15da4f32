/**
 * Who is there and what happened lately: plain bookkeeping in synchronous steps.
 *
 * Invariants
 * - Members of one kind have different ids: the name for the first, `name#2`, `name#3` … for others of that name.
 * - A number that has come free is given again, so that ids do not multiply with time.
 */

import { callBack } from "../internal/runtime/callBack.ts"

/** What is entered: something of a kind, with a name. */
export interface Member {
  readonly _tag: string
  readonly name: string
}

/** Told at once, in the step in which it happens. What it throws is logged. */
export interface Observer<in Entry, in Event> {
  readonly entered?: ((member: Listed<Entry>) => void) | undefined
  readonly left?: ((member: Listed<Entry>) => void) | undefined
  readonly happened?: ((event: Event) => void) | undefined
}

/** A member under the id that tells it from others of its kind. */
export type Listed<Entry> = Entry & { readonly id: string }

export class EntryTable<Entry extends Member, Event> {
  private readonly members = new Map<string, Listed<Entry>>()
  private readonly ids = new Map<object, string>()
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

  /** Enters `entry` for `subject`, which is in at most once; the answer takes it out again. */
  enter(subject: object, entry: Entry): () => void {
    if (this.ids.has(subject)) return () => {}
    const group = key(entry._tag, entry.name)
    const count = (this.namesakes.get(group) ?? 0) + 1
    const member = { ...entry, id: this.freeId(entry, count) }
    const place = key(entry._tag, member.id)
    this.namesakes.set(group, count)
    this.ids.set(subject, member.id)
    this.members.set(place, member)
    this.tell((observer) => observer.entered?.(member))
    return () => {
      if (this.members.get(place) !== member) return
      this.members.delete(place)
      this.ids.delete(subject)
      const left = this.namesakes.get(group)! - 1
      if (left === 0) this.namesakes.delete(group)
      else this.namesakes.set(group, left)
      this.tell((observer) => observer.left?.(member))
    }
  }

  /** Records what happened to `subject`, if it is in. */
  announce(subject: object, event: (id: string) => Event): void {
    const id = this.ids.get(subject)
    if (id === undefined) return
    const happened = event(id)
    if (this.capacity > 0) {
      this.log[this.oldest] = happened
      this.oldest = (this.oldest + 1) % this.capacity
    }
    this.tell((observer) => observer.happened?.(happened))
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
  private freeId({ _tag, name }: Entry, count: number): string {
    const numbered = (n: number) => n === 1 ? name : `${name}#${n}`
    const isFree = (n: number) => !this.members.has(key(_tag, numbered(n)))
    if (isFree(1)) return name
    let n = isFree(count) ? count : 2
    while (!isFree(n)) n++
    return numbered(n)
  }
}

const key = (tag: string, id: string): string => `${tag} ${id}`
