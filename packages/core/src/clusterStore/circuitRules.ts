/**
 * How the store answers one message about one circuit. Redis does the same in Lua (`circuitScript`), with the same numbers:
 * a change here is a change there.
 *
 * Invariants
 * - Epochs only grow. Counts and results of probes count only in the epoch they belong to.
 * - A message that is late counts for nothing, and is answered.
 * - A shorter end never replaces a later one within an opening.
 * - In HalfOpen, leases that are held and results are never more than `probes`. A node holds no more leases than it says: the
 *   answer that granted another one was lost.
 * - Where the clock of the store goes back, all times of a circuit go back with it: nothing lasts longer for it.
 * - A record that no store writes counts as none, and is written over.
 * - A row of the window takes calls until it has a twentieth of `size` or is a tenth of `span` old, so that rows are few
 *   whatever the traffic.
 */
import { isBounded, isCount, isKept } from "./bounds.ts"
import { longestOpening } from "./circuitCall.ts"
import {
  areCircuitTerms,
  type CircuitAnswer,
  type CircuitEvent,
  type CircuitMessage,
  type Counts,
  type FleetReason,
  type FleetState,
  writtenTerms
} from "./circuitModel.ts"

/** Calls that came at about the same time. */
interface Row {
  readonly at: number
  readonly calls: number
  readonly failures: number
  readonly slow: number
}

/** The node that reports most failures. */
interface Worst {
  readonly node: string
  readonly calls: number
  readonly failures: number
  readonly slow: number
  readonly at: number
}

/** A probe that a node may send. It is given up at `until`, unless the node says before that it has it: the node may be gone. */
interface Holder {
  readonly node: string
  readonly until: number
}

interface HalfOpen {
  readonly since: number
  readonly results: number
  readonly failures: number
  readonly slow: number
  readonly failuresInRow: number
  readonly retryAfter: number
  readonly holders: ReadonlyArray<Holder>
}

/** What the store keeps of a circuit. Times are its own. */
export interface CircuitRecord {
  readonly epoch: number
  readonly state: FleetState
  readonly until: number
  readonly openings: number
  readonly rows: ReadonlyArray<Row>
  readonly worst: Worst | undefined
  readonly halfOpen: HalfOpen | undefined
  readonly terms: string
  /** When it was written. */
  readonly at: number
}

/** What is the same for all messages of one call to the store. */
export interface StoreCall {
  readonly node: string
  /** How many nodes were seen lately, with this one. */
  readonly nodes: number
  /** The time of the store in milliseconds, and the same in microseconds. */
  readonly now: number
  readonly micros: number
  /** Whether the message was on its way for too long. */
  readonly isLate: boolean
  /** How long a node may hold a probe. */
  readonly holdFor: number
}

export interface Decided {
  readonly record: CircuitRecord
  readonly answer: CircuitAnswer
  /** What all nodes are told; undefined where the state is as it was. The sequence is the store's. */
  readonly event: Omit<CircuitEvent, "circuit" | "sequence"> | undefined
}

const unknown: CircuitRecord = {
  epoch: 0,
  state: "Closed",
  until: 0,
  openings: 0,
  rows: [],
  worst: undefined,
  halfOpen: undefined,
  terms: "",
  at: 0
}

export const decide = (record: CircuitRecord | undefined, message: CircuitMessage, call: StoreCall): Decided => {
  const known = record !== undefined && isSound(record) ? record : unknown
  return new Decision(call.now < known.at ? earlier(known, known.at - call.now) : known, message, call).decided
}

/** Whether all numbers are in their bounds, and nothing happened after it was written. */
const isSound = ({ at, epoch, halfOpen, openings, rows, terms, until, worst }: CircuitRecord): boolean =>
  isKept(epoch) && isKept(openings) && Number.isSafeInteger(at) && Number.isSafeInteger(until) &&
  until - at <= longestOpening &&
  (terms === "" || areCircuitTerms(terms)) &&
  rows.every((row) => isPast(row.at, at) && areCounts(row)) &&
  (worst === undefined || isPast(worst.at, at) && areCounts(worst)) &&
  (halfOpen === undefined || isSoundHalfOpen(halfOpen, at))

const isPast = (time: number, at: number): boolean => Number.isSafeInteger(time) && time <= at

const areCounts = ({ calls, failures, slow }: Counts): boolean => isCount(calls) && isCount(failures) && isCount(slow)

const isSoundHalfOpen = (
  { failures, failuresInRow, holders, results, retryAfter, since, slow }: HalfOpen,
  at: number
): boolean =>
  isPast(since, at) && [results, failures, slow, failuresInRow, retryAfter].every(isCount) &&
  retryAfter <= longestOpening &&
  holders.every(({ until }) => isBounded(until))

/** The same record, as if all of it had happened so much earlier. */
const earlier = (record: CircuitRecord, by: number): CircuitRecord => ({
  ...record,
  until: record.until - by,
  rows: record.rows.map((row) => ({ ...row, at: row.at - by })),
  worst: record.worst && { ...record.worst, at: record.worst.at - by },
  halfOpen: record.halfOpen && {
    ...record.halfOpen,
    since: record.halfOpen.since - by,
    holders: record.halfOpen.holders.map(({ node, until }) => ({ node, until: until - by }))
  }
})

class Decision {
  private epoch: number
  private state: FleetState
  private until: number
  private openings: number
  private rows: ReadonlyArray<Row>
  private worst: Worst | undefined
  private halfOpen: HalfOpen | undefined
  private reason: FleetReason | undefined
  private isGranted = false
  private readonly known: CircuitRecord
  private readonly message: CircuitMessage
  private readonly call: StoreCall

  constructor(known: CircuitRecord, message: CircuitMessage, call: StoreCall) {
    this.known = known
    this.message = message
    this.call = call
    this.epoch = known.epoch
    this.state = known.state
    this.until = known.until
    this.openings = known.openings
    this.rows = known.rows
    this.worst = known.worst
    this.halfOpen = known.halfOpen
    if (!call.isLate) this.believe()
    if (this.state === "Open" && call.now >= this.until) this.to("HalfOpen", "elapsed")
    if (!call.isLate) {
      this.obey()
      if (this.state === "Closed" && message.epoch === this.epoch) this.count()
      if (this.state === "HalfOpen") this.probe()
    }
  }

  get decided(): Decided {
    const { epoch, halfOpen, openings, reason, rows, state, until, worst } = this
    const terms = this.call.isLate ? this.known.terms : writtenTerms(this.message.terms)
    const otherTerms = this.known.terms === "" || this.known.terms === terms ? undefined : this.known.terms
    const remaining = this.remaining
    return {
      record: { epoch, state, until, openings, rows, worst, halfOpen, terms, at: this.call.now },
      answer: state === "Closed" && epoch === this.message.epoch
        ? { _tag: "Closed", age: this.call.now - (rows[0]?.at ?? this.call.now), otherTerms }
        : { _tag: "State", epoch, state, remaining, openings, isGranted: this.isGranted, otherTerms },
      event: reason === undefined ? undefined : { epoch, state, remaining, openings, reason }
    }
  }

  private get remaining(): number {
    return this.state === "Open" ? Math.max(0, this.until - this.call.now) : 0
  }

  /** A node that has heard of a later epoch than the store, which was emptied or is an older copy, tells it. */
  private believe(): void {
    const { epoch, openings, remaining, state } = this.message
    if (epoch <= this.epoch) return
    this.begin(state === "HalfOpen" ? "Open" : state)
    this.epoch = epoch
    this.until = this.call.now + remaining
    this.openings = openings
  }

  private begin(state: FleetState): void {
    this.state = state
    this.rows = []
    this.worst = undefined
    this.halfOpen = undefined
  }

  private to(state: FleetState, reason: FleetReason, openFor = 0): void {
    this.begin(state)
    this.epoch = Math.max(this.epoch + 1, this.call.micros)
    this.reason = reason
    if (state === "Open") {
      this.openings++
      this.until = this.call.now + openFor
    } else if (state !== "HalfOpen") this.openings = 0
  }

  /** What is commanded holds in every epoch, and begins one: there may be nodes that do not follow the present one. */
  private obey(): void {
    const { openFor, wish } = this.message
    if (wish === "forceOpen") this.to("ForcedOpen", "command")
    else if (wish === "close") this.to("Closed", "command")
    else if (wish === "open" && (this.state === "Closed" || this.state === "HalfOpen")) {
      this.to("Open", "command", openFor)
    } else if (wish === "open" && this.state === "Open" && this.call.now + openFor > this.until) {
      this.epoch = Math.max(this.epoch + 1, this.call.micros)
      this.until = this.call.now + openFor
      this.reason = "command"
    }
  }

  /** Takes in the calls of a node, and opens if all together say so. */
  private count(): void {
    const { counts, openFor, own, terms, wish } = this.message
    const { node, now } = this.call
    const asks = wish === "tripped" || wish === "failedInRow"
    if (counts.calls === 0 && counts.failures === 0 && !asks) return
    const { calls, failures, rows, slow } = taken(this.rows, counts, terms, now)
    this.rows = rows
    const from = rows[0]?.at ?? now
    const { worst } = this
    if (
      worst === undefined || worst.node === node ||
      Math.max(own.failures, own.slow) >= Math.max(worst.failures, worst.slow) ||
      now - worst.at > Math.max(2000, now - from)
    ) this.worst = { node, calls: own.calls, failures: own.failures, slow: own.slow, at: now }
    const without = this.worst!
    const otherCalls = Math.max(0, calls - without.calls)
    const otherFailures = Math.max(0, failures - without.failures)
    const otherSlow = Math.max(0, slow - without.slow)
    const areFew = otherCalls < terms.minimumCalls
    const agree = areFew || otherFailures / otherCalls >= terms.failureRate
    const agreeSlow = areFew || otherSlow / otherCalls >= terms.slowCallRate
    if (asks && (terms.spread === "any" || areFew || wish === "failedInRow" && agree)) {
      return this.to("Open", "tripped", openFor)
    }
    const isAny = terms.spread === "any"
    const enough = isAny ? terms.minimumCalls : Math.max(2 * terms.minimumCalls, terms.size / 2)
    if (calls < enough) return
    if (
      failures / calls >= terms.failureRate && (isAny || agree) ||
      slow / calls >= terms.slowCallRate && (isAny || agreeSlow)
    ) this.to("Open", "rates", openFor)
  }

  /** Takes in results of probes, decides as soon as the missing ones cannot change it, and else gives out another probe. */
  private probe(): void {
    const { openFor, probes, terms, wish } = this.message
    const { holdFor, node, nodes, now } = this.call
    const before = this.halfOpen ?? began(now)
    const { since } = before
    let { failures, failuresInRow, results, retryAfter, slow } = before
    let holders: ReadonlyArray<Holder> = before.holders.filter(({ until }) => until > now)
    if (this.message.epoch === this.epoch) {
      const unheard = holders.filter((holder) => holder.node === node).length - probes.held
      holders = withoutFirst(holders, node, Math.max(unheard, probes.results + probes.voided))
        .map((holder) => holder.node === node ? { node, until: Math.max(holder.until, now + holdFor) } : holder)
      results += probes.results
      failures += probes.failures
      slow += probes.slow
      if (probes.results > 0) {
        failuresInRow = probes.failuresInRow + (probes.failures === probes.results ? failuresInRow : 0)
      }
      retryAfter = Math.max(retryAfter, probes.retryAfter)
    }
    const fails = (missing: number): boolean =>
      (failures + missing) / terms.probes >= terms.probeFailureRate ||
      (slow + missing) / terms.probes >= terms.slowCallRate ||
      failuresInRow + missing >= terms.probeFailuresInRow
    if (fails(0)) return this.to("Open", "probes", Math.max(openFor, retryAfter))
    if (!fails(Math.max(0, terms.probes - results))) return this.to("Closed", "probes")
    // In the first second, nodes have equal parts: who asks first would have all of them.
    const part = Math.ceil(terms.probes / Math.min(nodes, terms.probes))
    const held = holders.filter((holder) => holder.node === node).length
    if (wish === "probe" && holders.length + results < terms.probes && (held < part || now - since > 1000)) {
      holders = [...holders, { node, until: now + holdFor }]
      this.isGranted = true
    }
    this.halfOpen = { since, results, failures, slow, failuresInRow, retryAfter, holders }
  }
}

const began = (now: number): HalfOpen => ({
  since: now,
  results: 0,
  failures: 0,
  slow: 0,
  failuresInRow: 0,
  retryAfter: 0,
  holders: []
})

/** The window with the calls of a message, and its sums. */
const taken = (
  before: ReadonlyArray<Row>,
  counts: CircuitMessage["counts"],
  { size, span }: CircuitMessage["terms"],
  now: number
) => {
  const rows = [...before]
  const last = rows.at(-1)
  if (counts.calls > 0) {
    if (last !== undefined && (now - last.at < span / 10 || last.calls + counts.calls <= size / 20)) {
      rows[rows.length - 1] = { ...last, calls: last.calls + counts.calls, slow: last.slow + counts.slow }
    } else rows.push({ at: now, calls: counts.calls, failures: 0, slow: counts.slow })
  }
  // Those that are more than the calls are of calls that were told of before, when they became slow.
  for (let left = counts.failures, i = rows.length - 1; left > 0 && i >= 0; i--) {
    const row = rows[i]!
    const failed = Math.min(left, Math.max(0, row.calls - row.failures))
    if (failed > 0) rows[i] = { ...row, failures: row.failures + failed }
    left -= failed
  }
  let calls = 0
  let failures = 0
  let slow = 0
  for (const row of rows) {
    calls += row.calls
    failures += row.failures
    slow += row.slow
  }
  let first = 0
  while (first < rows.length) {
    const row = rows[first]!
    if (calls - row.calls < size || now - row.at < span) break
    calls -= row.calls
    failures -= row.failures
    slow -= row.slow
    first++
  }
  return { rows: first === 0 ? rows : rows.slice(first), calls, failures, slow }
}

/** Without the first `count` of the leases of a node. */
const withoutFirst = (holders: ReadonlyArray<Holder>, node: string, count: number): ReadonlyArray<Holder> => {
  let left = count
  return left <= 0 ? holders : holders.filter((holder) => holder.node !== node || left-- <= 0)
}
