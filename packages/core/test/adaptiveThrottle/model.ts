/** Programs of calls through an adaptive throttle, the rule by which they are rejected, and what a throttle does with them. */
import { AdaptiveThrottle, Bulkhead } from "@switchgear/core"
import { Effect, Random, Schema } from "effect"

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const Step = Schema.Struct({
  /** Time before it begins, and until it ends, in tenths of the window. */
  after: Schema.Literals([0, 0, 0, 1, 2, 5, 12]),
  takes: Schema.Literals([0, 0, 1, 4]),
  ends: Schema.Literals(["answers", "answers", "fails", "fails", "fails", "is interrupted", "is refused further in"]),
  draw: Schema.Literals([0, 0.2, 0.4, 0.6, 0.8, 0.95, 1 - 2 ** -53])
})
export const Program = Schema.Struct({
  factor: Schema.Literals([1, 1.25, 2, 4]),
  minimumCalls: upTo(6),
  maxRejectionRate: Schema.Literals([0.3, 0.9, 0.99]),
  countRejections: Schema.Boolean,
  steps: Schema.Array(Step).check(Schema.isMinLength(1), Schema.isMaxLength(40))
})
export type Program = typeof Program.Type

const tenth = 100
const window = 10 * tenth
/** A slice of the window, by which a call may leave it early. */
const slice = window / 100

export interface Seen {
  readonly rates: ReadonlyArray<number>
  readonly admitted: ReadonlyArray<boolean>
}

/** The rule, over a list of everything that counts. */
export const expected = ({ countRejections, factor, maxRejectionRate, minimumCalls, steps }: Program): Seen => {
  const counted: Array<{ readonly at: number; readonly kind: "answered" | "failed" | "rejected" }> = []
  const rates: Array<number> = []
  const admitted: Array<boolean> = []
  let now = 0
  for (const { after, draw, ends, takes } of steps) {
    now += after * tenth
    const begin = Math.floor(now / slice) - 100
    const inside = counted.filter(({ at }) => at <= now && Math.floor(at / slice) > begin)
    const requests = inside.length
    const accepts = inside.filter(({ kind }) => kind === "answered").length
    const real = inside.filter(({ kind }) => kind !== "rejected").length
    const rate = real < minimumCalls
      ? 0
      : Math.min(maxRejectionRate, Math.max(0, (requests - factor * accepts) / (requests + 1)))
    rates.push(rate)
    admitted.push(!(draw < rate))
    if (draw < rate) {
      if (countRejections) counted.push({ at: now, kind: "rejected" })
    } else if (ends === "answers" || ends === "fails") {
      counted.push({ at: now + takes * tenth, kind: ends === "answers" ? "answered" : "failed" })
    }
  }
  return { admitted, rates }
}

export const actual = ({ steps, ...options }: Program): Effect.Effect<Seen> =>
  Effect.gen(function*() {
    const throttle = yield* AdaptiveThrottle.make({ name: "model", window, ...options })
    const closed = yield* Bulkhead.make({ name: "full", concurrency: 1 })
    yield* Effect.forkChild(closed.protect(Effect.never), { startImmediately: true })
    const rates: Array<number> = []
    const admitted: Array<boolean> = []
    const ends = {
      answers: Effect.void,
      fails: Effect.fail("503"),
      "is interrupted": Effect.interrupt,
      "is refused further in": closed.protect(Effect.void)
    }
    for (const step of steps) {
      if (step.after > 0) yield* Effect.sleep(step.after * tenth)
      // What ends in this moment has ended before.
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      rates.push((yield* throttle.snapshot).rejectionRate)
      let isAdmitted = true
      const isRefused = step.ends === "is refused further in"
      const work = isRefused ? ends[step.ends] : Effect.andThen(
        step.takes === 0 ? Effect.void : Effect.sleep(step.takes * tenth),
        ends[step.ends]
      )
      const call = throttle.protect<void, string | Bulkhead.BulkheadFull, never>(work).pipe(
        Effect.catchTag("Throttled", () => Effect.sync(() => isAdmitted = false)),
        Effect.exit,
        Effect.provideService(Random.Random, { nextDoubleUnsafe: () => step.draw, nextIntUnsafe: () => 0 })
      )
      yield* Effect.forkChild(call, { startImmediately: true })
      admitted.push(isAdmitted)
    }
    return { admitted, rates }
  })
