/**
 * What the calls of one limit share: the slots, the algorithm that moves their number, and what is told of each call.
 *
 * Invariants
 * - The pool has as many slots as the limit says, or as many as are pinned, whenever a call is admitted.
 * - A call is told of with the generation in which its work began. One of an earlier generation moves nothing: it began
 *   before a `reset`, or the slots were pinned in between.
 */
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type { BulkheadCall } from "../bulkhead/call.ts"
import type { PermitPool } from "../bulkhead/permitPool.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import type { Algorithm, Judged } from "./algorithm.ts"
import { Classes } from "./classes.ts"
import type { Sample, Snapshot } from "./model.ts"
import type { Rules } from "./rules.ts"
import { isSavable, type SavedLimit, trustAt } from "./saved.ts"
import { signalBy } from "./signal.ts"

/** A call as the machine sees it. */
export interface Measured extends Judged {
  readonly generation: number
  outcome: "success" | "drop"
  class: number
  duration: number
  inFlight: number
  hasSample: boolean
  /** From zero; undefined if the call has not told. */
  readonly tokens: number | undefined
  /** The context of its caller, while the work runs. */
  readonly context: Context.Context<never> | undefined
  readonly clock: Clock.Clock
  /** When its work has begun, in monotonic milliseconds of its clock. */
  readonly start: number
}

/** An answer of no token takes as long as one of this many, so that short answers do not look slow. */
const TOKENS_OF_AN_ANSWER = 40

/** A microsecond: algorithms divide by times. */
const SHORTEST = 0.001

export class LimitMachine {
  generation = 0
  readonly pool: PermitPool<BulkheadCall>
  readonly rules: Rules
  /** Whether running calls are told things by their work. */
  readonly isTold: boolean
  /** What is measured; undefined where the algorithm needs nothing. */
  private readonly measures: Sample | undefined
  private readonly algorithm: Algorithm
  private readonly clock: Clock.Clock
  private classes = new Classes()
  private pinned: number | undefined
  private successes = 0
  private drops = 0
  private ignored = 0

  constructor(rules: Rules, pool: PermitPool<BulkheadCall>, algorithm: Algorithm, clock: Clock.Clock) {
    this.rules = rules
    this.pool = pool
    this.algorithm = algorithm
    this.clock = clock
    this.measures = rules.algorithm === "gradient" || typeof rules.algorithm === "function" ? rules.sample : undefined
    this.isTold = this.measures === "firstToken" || this.measures === "perToken"
    this.move()
  }

  /** A call was admitted. */
  begun(): void {
    if (this.pinned === undefined) this.algorithm.begun(this.pool.taken)
  }

  /** A running call has told of its first token. */
  firstToken(call: Measured): void {
    if (this.measures === "firstToken") this.sample(call, "firstToken", monotonicMillis(call.clock) - call.start)
  }

  /** A call whose work had begun has ended; it still holds its slot. */
  ended(call: Measured, exit: Exit.Exit<unknown, unknown>): void {
    const signal = signalBy(this.rules.signal, exit)
    if (signal === "ignore") {
      this.ignored++
      return
    }
    if (signal === "success") this.successes++
    else this.drops++
    if (!this.counts(call)) return
    const now = monotonicMillis(call.clock)
    call.outcome = signal
    const duration = now - call.start
    call.duration = Math.max(SHORTEST, duration)
    call.inFlight = this.pool.taken
    if (signal === "success") this.sampleAtEnd(call, duration)
    this.algorithm.ended(call, call.clock === this.clock ? now : monotonicMillis(this.clock))
    this.move()
  }

  pin(concurrency: number): void {
    this.pinned = concurrency
    this.move()
  }

  unpin(): void {
    if (this.pinned === undefined) return
    // What began before or under the pin has run beside more or fewer calls than the algorithm knows of.
    this.generation++
    this.pinned = undefined
    this.move()
  }

  reset(): void {
    this.generation++
    this.classes = new Classes()
    this.algorithm.reset(monotonicMillis(this.clock))
    this.move()
  }

  /** What was learnt, and the pin; undefined where the algorithm is the user's own. Calls in flight are of the process. */
  save(): SavedLimit | undefined {
    const { algorithm, classes, measures, pinned, rules } = this
    if (typeof rules.algorithm === "function" || !isSavable(algorithm)) return undefined
    return {
      algorithm: rules.algorithm,
      ...measures !== undefined && { sample: measures },
      ...pinned !== undefined && { pinned },
      classes: classes.save(),
      learnt: algorithm.save()
    }
  }

  /** Goes on with what was learnt `age` milliseconds ago. A pin holds until the next command, however old it is. */
  restore(saved: SavedLimit, age: number): "restored" | "in-use" | "not-saved" | "other-options" | "malformed" {
    const { algorithm, measures, rules } = this
    if (!isSavable(algorithm)) return "not-saved"
    if (!this.isFresh) return "in-use"
    if (saved.algorithm !== rules.algorithm || saved.sample !== measures) return "other-options"
    const { learnt: { baselines } } = saved
    const classes = new Classes()
    const known = new Set(baselines.map(({ number }) => number))
    const hasNames = measures === undefined || baselines.every(({ number }) => number < saved.classes.length)
    if (!hasNames || known.size < baselines.length || !classes.restore(saved.classes)) return "malformed"
    this.classes = classes
    this.pinned = saved.pinned
    algorithm.restore(saved.learnt, trustAt(age))
    this.move()
    return "restored"
  }

  private get isFresh(): boolean {
    const { drops, generation, ignored, pinned, pool: { queue, taken }, successes } = this
    return generation + successes + drops + ignored + taken + queue.size === 0 && pinned === undefined
  }

  read(): Snapshot {
    const { algorithm, classes, pool, rules } = this
    const { baselines, drops, stretch } = algorithm.read()
    return {
      name: pool.name,
      algorithm: typeof rules.algorithm === "function" ? "own" : rules.algorithm,
      limit: algorithm.limit,
      min: rules.min,
      max: rules.max,
      pinned: this.pinned,
      reason: algorithm.reason,
      concurrency: pool.concurrency,
      queue: pool.limit,
      inFlight: pool.taken,
      queued: pool.queue.size,
      rejected: { ...pool.rejected },
      successes: this.successes,
      drops: this.drops,
      ignored: this.ignored,
      stretch,
      dropRate: drops,
      baselines: baselines.flatMap((millis, number) => {
        const { class: name, sample } = classes.known[number] ?? { class: undefined, sample: "duration" as const }
        return millis === undefined ? [] : [{ class: name, sample, millis }]
      })
    }
  }

  private counts(call: Measured): boolean {
    return call.generation === this.generation && this.pinned === undefined
  }

  private sampleAtEnd(call: Measured, duration: number): void {
    const { measures } = this
    if (measures === "duration") return this.sample(call, "duration", duration)
    const { tokens } = call
    if (measures !== undefined && tokens !== undefined)
      this.sample(call, "perToken", duration / (TOKENS_OF_AN_ANSWER + tokens))
  }

  private sample(call: Measured, sample: Sample, millis: number): void {
    // No time, where the clock has run backwards.
    if (call.hasSample || !this.counts(call) || !(millis >= 0)) return
    const number = this.classes.numberOf(this.classOf(call), sample)
    if (number === undefined) return
    call.class = number
    call.hasSample = true
    this.algorithm.sampled(number, Math.max(SHORTEST, millis))
  }

  private classOf({ context }: Measured): string | undefined {
    try {
      const name: unknown = this.rules.classOf(context!)
      return typeof name === "string" ? name : undefined
    } catch {
      return undefined
    }
  }

  private move(): void {
    const slots = this.pinned ?? Math.floor(this.algorithm.limit)
    if (slots !== this.pool.concurrency) this.pool.resize(slots)
  }
}
