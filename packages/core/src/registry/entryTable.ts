/**
 * The entries of a registry and its last events, changed in synchronous steps.
 *
 * Invariants
 *
 * - Entries of one kind have different ids: the name for the first, `name#2`, `name#3` … for others with that name.
 * - The lowest free number is reused, so that ids do not grow with time.
 * - The entries with one tag are all of one kind.
 * - An observer that has been removed is not called any more, not even about a change that other observers are being
 *   told.
 */
import { OptionsOf } from "../internal/config/checks.ts"
import { callBack } from "../internal/runtime/callBack.ts"
import { FreeNumbers } from "./freeNumbers.ts"
import { type PassedOver, PassedOverGuards } from "./passedOver.ts"

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
  /** A guard was made outside a scope, so that it is not in the registry. */
  readonly passedOver?: ((entry: Entry) => void) | undefined
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
  private readonly numbers = new Map<string, FreeNumbers>()
  // The kind of each tag, and how many entries are of it.
  private readonly kinds = new Map<string, { readonly kind: object; entries: number }>()
  // Each subscription is one of its own, also of an observer that subscribes twice.
  private readonly observers = new Set<{ readonly observer: Observer<Entry, Event> }>()
  private readonly outside = new PassedOverGuards()
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
    const kind = holders > 0 ? undefined : this.kindOf(entry)
    this.holders.set(entry.guard, holders + 1)
    const release = this.leavesOnce(entry.guard)
    if (kind === undefined) return release
    const group = key(entry.kind.tag, entry.name)
    const numbers = this.numbers.get(group) ?? new FreeNumbers()
    const idOf = (n: number) => n === 1 ? entry.name : `${entry.name}#${n}`
    // Another entry may be named like this one with its number.
    const n = numbers.take((n) => !this.members.has(key(entry.kind.tag, idOf(n))))
    const member = { ...entry, id: idOf(n) }
    const place = key(entry.kind.tag, member.id)
    kind.entries++
    this.kinds.set(entry.kind.tag, kind)
    this.numbers.set(group, numbers)
    this.byGuard.set(entry.guard, member)
    this.members.set(place, member)
    this.leaving.set(entry.guard, () => {
      this.members.delete(place)
      this.byGuard.delete(entry.guard)
      numbers.giveBack(n)
      if (numbers.taken === 0) this.numbers.delete(group)
      if (--kind.entries === 0) this.kinds.delete(entry.kind.tag)
      this.tell((observer) => observer.left?.(member))
    })
    this.tell((observer) => observer.entered?.(member))
    return release
  }

  /** Notes a guard that is not added, because nothing would remove it. */
  passOver(entry: Entry): void {
    this.outside.add(entry.kind.tag, entry.name)
    this.tell((observer) => observer.passedOver?.(entry))
  }

  get passedOver(): ReadonlyArray<PassedOver> {
    return this.outside.all
  }

  private kindOf({ kind }: Entry): { readonly kind: object; entries: number } {
    const known = this.kinds.get(kind.tag)
    if (known === undefined) return { kind, entries: 0 }
    if (known.kind === kind) return known
    return new OptionsOf("Registry.register").refuse(
      "kind.tag",
      "one that no other kind in this registry has (make each kind once and share it)",
      kind.tag
    )
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
    const subscription = { observer }
    this.observers.add(subscription)
    return () => {
      this.observers.delete(subscription)
    }
  }

  // An observer that throws must affect neither the guard that changed nor the other observers.
  private tell(say: (observer: Observer<Entry, Event>) => unknown): void {
    // A copy: an observer that subscribes again each time it is called would otherwise loop forever.
    for (const subscription of Array.from(this.observers)) {
      if (this.observers.has(subscription)) callBack(() => say(subscription.observer))
    }
  }
}

const key = (tag: string, id: string): string => JSON.stringify([tag, id])
