/**
 * The steps of a run: each arrival, each call that reaches a provider, and each end. A second run is compared with them
 * as it goes. They are kept as numbers, about a hundred bytes for a call.
 */

type Kind = "arrived" | "reached" | "ended" | "world"

const kinds: ReadonlyArray<Kind> = ["arrived", "reached", "ended", "world"]

/** The first step in which a second run was not as the first. */
export interface Difference {
  /** Its number, from 1. */
  readonly step: number
  readonly first: string
  readonly second: string
}

export class Steps {
  difference: Difference | undefined
  private readonly kinds: Array<number> = []
  private readonly calls: Array<number> = []
  private readonly times: Array<number> = []
  private readonly names: Array<string> = []
  private readonly before: Steps | undefined
  private length = 0

  /** The steps of a run that is compared with the one before, if there is one. */
  constructor(before?: Steps) {
    this.before = before
  }

  arrived(index: number, at: number): void {
    this.add("arrived", index, at, "")
  }

  reached(provider: string, at: number, index: number | undefined): void {
    this.add("reached", index ?? -1, at, provider)
  }

  ended(index: number, at: number, outcome: string): void {
    this.add("ended", index, at, outcome)
  }

  /** The world is over, and this is the digest of all that happened in it. */
  world(at: number, digest: string): void {
    this.add("world", -1, at, digest)
  }

  /** The run is over: the one before may have gone on. */
  end(): void {
    if (this.before !== undefined && this.difference === undefined && this.length < this.before.length) {
      this.difference = { step: this.length + 1, first: this.before.told(this.length), second: "the run was over" }
    }
  }

  private add(kind: Kind, call: number, at: number, name: string): void {
    const step = this.length++
    if (this.before === undefined) return this.keep(kind, call, at, name)
    if (this.difference !== undefined || this.before.isAt(step, kind, call, at, name)) return
    this.difference = { step: step + 1, first: this.before.told(step), second: told(kind, call, at, name) }
  }

  private keep(kind: Kind, call: number, at: number, name: string): void {
    this.kinds.push(kinds.indexOf(kind))
    this.calls.push(call)
    this.times.push(at)
    this.names.push(name)
  }

  private isAt(step: number, kind: Kind, call: number, at: number, name: string): boolean {
    return kinds[this.kinds[step]!] === kind && this.calls[step] === call && this.times[step] === at &&
      this.names[step] === name
  }

  private told(step: number): string {
    const kind = kinds[this.kinds[step]!]
    return kind === undefined ? "the run was over" : told(kind, this.calls[step]!, this.times[step]!, this.names[step]!)
  }
}

const told = (kind: Kind, call: number, at: number, name: string): string => {
  if (kind === "world") return `the world had the digest ${name} at ${at} ms`
  const who = call < 0 ? "a call of no customer" : `call #${call}`
  const what = { arrived: "came", reached: `reached "${name}"`, ended: `ended as ${name}` }[kind]
  return `${who} ${what} at ${at} ms`
}
