/** Whatever a function, its callers and time do: a call of it ends in time, and nothing of it is left. */
import { assert, describe, it } from "@effect/vitest"
import { guard, GuardedFetchError } from "@switchgear/http/fetch"
import { Effect, Schema } from "effect"
import { inControlledTime, sleep } from "./controlledTime.ts"
import { thenable } from "./thenable.ts"

const small = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const Outcome = Schema.Struct({
  does: Schema.Literals([
    "gives",
    "gives",
    "rejects",
    "throws at once",
    "throws null",
    "rejects with what cannot be read",
    "rejects with what is frozen",
    "is overloaded",
    "is asked to wait",
    "hangs",
    "settles twice",
    "never settles",
    "is no failure",
    "is final"
  ]),
  seconds: small(12),
  heeds: Schema.Literals(["aborts", "nothing"])
})

const Program = Schema.Struct({
  outcomes: Schema.Array(Outcome).check(Schema.isMinLength(1), Schema.isMaxLength(6)),
  concurrency: Schema.Literals([1, 2, 10]),
  queue: Schema.Literals([0, 1, 10]),
  maxAttempts: Schema.Literals([1, 2, 3]),
  minimumCalls: Schema.Literals([1, 3, 100]),
  deadline: Schema.Literals([5, 30, 300]),
  attemptTimeout: Schema.Literals([3, 1000]),
  disposedAt: Schema.Literals([15, 10_000, 10_000, 10_000]),
  calls: Schema.Array(Schema.Struct({ at: small(30), aborts: Schema.Literals([0, 2, 9, 10_000, 10_000]) }))
    .check(Schema.isMinLength(1), Schema.isMaxLength(8))
})

interface Seen {
  attempts: number
  hasEnded: boolean
}

const unreadable = new Proxy(new Error("no"), {
  get: () => {
    throw new Error("it was read")
  },
  has: () => {
    throw new Error("it was looked into")
  }
})
const frozen = Object.freeze({ status: 503, headers: Object.freeze({}) })
const notFound = Object.assign(new Error("not found"), { isNotFound: true })
const final = Object.assign(new Error("final"), { isRetryable: false })
const overloaded = Object.assign(new Error("overloaded"), { status: 529 })
const slowDown = Object.assign(new Error("slow down"), { status: 429, headers: { "retry-after": "2" } })
const lost = new Error("lost")
const own: ReadonlySet<unknown> = new Set([null, unreadable, frozen, notFound, final, overloaded, slowDown, lost])

const play = async (program: typeof Program.Type): Promise<void> => {
  const { attemptTimeout, concurrency, deadline, disposedAt, maxAttempts, minimumCalls, outcomes, queue } = program
  const wrong: Array<string> = []
  const signals: Array<AbortSignal> = []
  let [active, most, turn] = [0, 0, 0]

  const f = (signal: AbortSignal, seen: Seen): Promise<string> => {
    const { does, heeds, seconds } = outcomes[turn++ % outcomes.length]!
    signals.push(signal)
    if (seen.hasEnded) wrong.push("it is called after the end of its call")
    if (signal.aborted) wrong.push("it is called with a signal that is aborted")
    seen.attempts++
    most = Math.max(most, ++active)
    signal.addEventListener("abort", () => active--)
    if (does === "throws at once") throw lost
    if (does === "throws null") throw null
    const aborted = new Promise<never>((_, reject) => {
      if (heeds === "aborts") signal.addEventListener("abort", () => reject(signal.reason))
    })
    aborted.catch(() => {})
    if (does === "hangs") return Promise.race([aborted, new Promise<never>(() => {})])
    if (does === "never settles") return thenable(() => {}) as Promise<never>
    if (does === "settles twice") {
      const then = (resolve: (value: string) => void, reject: (error: unknown) => void) => {
        resolve("first")
        reject(lost)
        throw lost
      }
      return thenable(then) as Promise<string>
    }
    const answer = async () => {
      await sleep(seconds)
      switch (does) {
        case "gives":
          return "first"
        case "rejects with what cannot be read":
          throw unreadable
        case "rejects with what is frozen":
          throw frozen
        case "is overloaded":
          throw overloaded
        case "is asked to wait":
          throw slowDown
        case "is no failure":
          throw notFound
        case "is final":
          throw final
        default:
          throw lost
      }
    }
    return Promise.race([aborted, answer()])
  }

  const guarded = guard(f, {
    name: "f",
    bulkhead: { concurrency, queue },
    breaker: { minimumCalls },
    retry: { maxAttempts, baseDelay: 10 },
    deadline: deadline * 1000,
    attemptTimeout: attemptTimeout * 1000,
    signal: (signal) => signal,
    withSignal: (signal, _caller, seen) => [signal, seen],
    isFailure: (error) => error !== notFound
  })

  const ask = async ({ aborts, at }: typeof Program.Type["calls"][number]): Promise<void> => {
    await sleep(at)
    const caller = new AbortController()
    const enough = new Error("enough")
    const seen: Seen = { attempts: 0, hasEnded: false }
    const began = performance.now()
    if (aborts < 10_000) void sleep(aborts).then(() => caller.abort(enough))
    const ended = await guarded(caller.signal, seen).then(
      (value) => ({ value }),
      (error: unknown) => ({ error })
    )
    seen.hasEnded = true
    assert.isAtMost(performance.now() - began, Math.min(deadline, aborts) * 1000)
    assert.isAtMost(seen.attempts, maxAttempts)
    if ("value" in ended) return assert.strictEqual(ended.value, "first")
    const { error } = ended
    assert.isTrue(own.has(error) || error === enough || error instanceof GuardedFetchError, "nothing of the library")
    if (error === enough) assert.isTrue(caller.signal.aborted)
  }

  if (disposedAt < 10_000) void sleep(disposedAt).then(() => guarded[Symbol.asyncDispose]())
  const ended = await Promise.allSettled(program.calls.map(ask))
  await sleep(1800)
  for (const one of ended) if (one.status === "rejected") throw one.reason
  assert.deepStrictEqual(wrong, [])
  assert.strictEqual(active, 0, "all work has ended")
  assert.isTrue(signals.every(({ aborted }) => aborted), "every signal is aborted in the end")
  assert.isAtMost(most, concurrency)
  const { inFlight, waiting } = guarded.health().targets["f"] ?? { inFlight: 0, waiting: 0 }
  assert.deepStrictEqual({ inFlight, waiting }, { inFlight: 0, waiting: 0 })
  for (const [line, value] of guarded.metrics().matchAll(/^switchgear_bulkhead_(?:in_flight|queued)\S* (\S+)/gm)) {
    assert.strictEqual(Number(value), 0, line)
  }
  await guarded[Symbol.asyncDispose]()
}

describe("a guarded function under any schedule", () => {
  it.live.prop(
    "ends each call in time, is called as often as promised and never after the end, and leaves no slot and no signal behind",
    { program: Program },
    ({ program }) => Effect.promise(() => inControlledTime(() => play(program))),
    { timeout: 120_000, arbitrary: { runs: Number(process.env["SWITCHGEAR_RUNS"] ?? 200) } }
  )
})
