/** Requests through guards, held against a small model of them, over random servers. */
import { assert, describe, it } from "@effect/vitest"
import { VirtualClock } from "@switchgear/core/testing"
import { HttpGuard } from "@switchgear/http"
import { Arbitrary, Clock, Effect, Schema } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"

const whole = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Reply = Schema.Struct({
  /** Milliseconds until it comes. */
  after: whole(0, 700),
  status: Schema.Literals([200, 204, 302, 400, 404, 408, 409, 429, 500, 501, 503, 599, "refused"]),
  /** Milliseconds. */
  retryAfter: Schema.optional(whole(0, 3000))
})

const Request = Schema.Struct({
  /** Milliseconds since the one before has ended. */
  after: whole(0, 1500),
  method: Schema.Literals(["GET", "PUT", "DELETE", "POST", "PATCH"]),
  hasKey: Schema.Boolean,
  replies: Schema.Array(Reply).check(Schema.isMinLength(1), Schema.isMaxLength(5))
})

const Program = Schema.Struct({
  maxAttempts: whole(1, 4),
  baseDelay: whole(1, 400),
  attemptTimeout: whole(50, 800),
  deadline: whole(100, 4000),
  /** Of the circuit. */
  failures: whole(1, 4),
  openFor: whole(100, 3000),
  requests: Schema.Array(Request).check(Schema.isMinLength(1), Schema.isMaxLength(6))
})
type Program = typeof Program.Type
type Request = typeof Request.Type

/** What a request came to, and when: in milliseconds since the start. */
interface Seen {
  readonly sent: ReadonlyArray<number>
  readonly end: string
  readonly at: number
}

const maxDelay = 2000

const optionsOf = (program: Program): HttpGuard.Options => ({
  retry: { maxAttempts: program.maxAttempts, baseDelay: program.baseDelay, maxDelay, jitter: "none" },
  attemptTimeout: program.attemptTimeout,
  deadline: program.deadline,
  breaker: { consecutiveFailures: program.failures, openFor: program.openFor, halfOpen: { calls: 1 }, patience: 0 }
})

const played = (program: Program): Effect.Effect<ReadonlyArray<Seen>> =>
  Effect.gen(function*() {
    let replies: Request["replies"] = []
    let sent: Array<number> = []
    const server = HttpClient.make((request) =>
      Effect.gen(function*() {
        const reply = replies[Math.min(sent.length, replies.length - 1)]!
        sent.push(yield* Clock.currentTimeMillis)
        yield* Effect.sleep(reply.after)
        if (reply.status === "refused") {
          return yield* new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request }) })
        }
        const headers: Record<string, string> = reply.retryAfter === undefined
          ? {}
          : { "retry-after-ms": String(reply.retryAfter) }
        return HttpClientResponse.fromWeb(request, new Response(null, { status: reply.status, headers }))
      })
    )
    const client = yield* HttpGuard.standard(server, optionsOf(program))
    const seen: Array<Seen> = []
    for (const request of program.requests) {
      yield* Effect.sleep(request.after)
      replies = request.replies
      sent = []
      const asked = HttpClientRequest.make(request.method)("http://a.test/", {
        headers: request.hasKey ? { "idempotency-key": "1" } : {}
      })
      const end = yield* client.execute(asked).pipe(
        Effect.map(({ status }) => String(status)),
        Effect.catch((error) => Effect.succeed(error._tag))
      )
      seen.push({ sent, end, at: yield* Clock.currentTimeMillis })
    }
    return seen
  })

/** The rules, which a mutant changes. */
const rules = {
  repeatable: (method: string, hasKey: boolean) => hasKey || ["GET", "PUT", "DELETE"].includes(method),
  isFailure: (status: number) => status >= 500 || status === 408 || status === 429,
  /** Whether it counts against the circuit. */
  isFault: (status: number) => status >= 500 || status === 408,
  wait: (backoff: number, retryAfter: number) => Math.max(backoff, retryAfter),
  longest: maxDelay,
  limitOf: (attemptTimeout: number, left: number) => Math.min(attemptTimeout, left),
  passesDeadline: (wait: number, left: number) => wait >= left,
  /** What it counts as that a server was cut off by the deadline of the call. */
  ofDeadline: true as boolean | "ignored",
  /** What a response counts as that is no fault. */
  ofRefusal: (status: number): boolean | "ignored" => status === 429 ? "ignored" : false
}
type Rules = typeof rules

/** The circuit: it opens after so many failures in a row. */
class Circuit {
  failures = 0
  openUntil = -Infinity
  isHalfOpen = false
  readonly program: Program

  constructor(program: Program) {
    this.program = program
  }

  admits(now: number): boolean {
    if (this.openUntil === -Infinity) return true
    if (now < this.openUntil) return false
    this.isHalfOpen = true
    return true
  }

  ended(isFault: boolean | "ignored", now: number, asked: number): void {
    if (isFault === "ignored") return
    this.failures = isFault ? this.failures + 1 : 0
    if (isFault && (this.isHalfOpen || this.failures >= this.program.failures)) {
      // Only a probe is told how long to stay away.
      this.openUntil = now + (this.isHalfOpen && asked > 0 ? asked : this.program.openFor)
      this.failures = 0
    } else if (this.isHalfOpen) this.openUntil = -Infinity
    this.isHalfOpen = false
  }
}

/** Undefined where a reply comes just when its time is over: either may be first. */
const modelled = (program: Program, rules: Rules): ReadonlyArray<Seen> | undefined => {
  let isTie = false
  const circuit = new Circuit(program)
  let now = 0
  const seen = program.requests.map((request): Seen => {
    now += request.after
    const until = now + program.deadline
    const attempts = rules.repeatable(request.method, request.hasKey) ? program.maxAttempts : 1
    const sent: Array<number> = []
    const ended = (end: string): Seen => ({ sent, end, at: now })
    for (let attempt = 1;; attempt++) {
      if (!circuit.admits(now)) return ended("CircuitOpen")
      const { after, retryAfter, status } = request.replies[Math.min(sent.length, request.replies.length - 1)]!
      sent.push(now)
      const limit = rules.limitOf(program.attemptTimeout, until - now)
      const isLate = after > limit
      isTie ||= after === limit
      now += Math.min(after, limit)
      const failed = status === "refused" || isLate
      if (!failed && !rules.isFailure(status)) {
        circuit.ended(rules.isFault(status), now, 0)
        return ended(String(status))
      }
      const isCut = isLate && limit < program.attemptTimeout
      const told = failed || retryAfter === undefined ? 0 : retryAfter
      circuit.ended(isCut ? rules.ofDeadline : failed || rules.isFault(status) || rules.ofRefusal(status), now, told)
      const end = isLate ? "DeadlineExceeded" : status === "refused" ? "HttpClientError" : String(status)
      if (isLate && now >= until || attempt >= attempts) return ended(end)
      const wait = rules.wait(Math.min(maxDelay, program.baseDelay * 2 ** (attempt - 1)), told)
      if (wait > rules.longest || rules.passesDeadline(wait, until - now)) return ended(end)
      now += wait
    }
  })
  return isTie ? undefined : seen
}

describe("requests through HttpGuard.standard", () => {
  it.live.prop(
    "are sent, repeated, refused and given as a small model says, at its times",
    { program: Program },
    Effect.fnUntraced(function*({ program }) {
      const expected = modelled(program, rules)
      const seen = yield* VirtualClock.play(played(program))
      if (expected !== undefined) assert.strictEqual(JSON.stringify(seen), JSON.stringify(expected))
    }),
    { timeout: 60_000, arbitrary: { runs: 1000 } }
  )
})

/** Faults that a guarded client could have. */
const mutants: Readonly<Record<string, Partial<Rules>>> = {
  "repeats every method": { repeatable: () => true },
  "repeats nothing but GET": { repeatable: (method) => method === "GET" },
  "does not know the key that makes a request repeatable": { repeatable: (method) => rules.repeatable(method, false) },
  "does not repeat a 408": { isFailure: (status) => status >= 500 || status === 429 },
  "does not repeat a 429": { isFailure: (status) => status >= 500 || status === 408 },
  "does not repeat a 501": { isFailure: (status) => rules.isFailure(status) && status !== 501 },
  "repeats a 409": { isFailure: (status) => rules.isFailure(status) || status === 409 },
  "counts a 429 against the server": { isFault: (status) => rules.isFault(status) || status === 429 },
  "counts a 404 against the server": { isFault: (status) => rules.isFault(status) || status === 404 },
  "counts a 429 as a success": { ofRefusal: () => false },
  "does not count a server that the deadline cut off": { ofDeadline: "ignored" },
  "does not wait as long as it is told": { wait: (backoff) => backoff },
  "waits no longer than it is told": { wait: (backoff, told) => told > 0 ? told : backoff },
  "waits for ever": { longest: Infinity },
  "waits past the deadline": { passesDeadline: () => false },
  "gives an attempt all of the time": { limitOf: (_attempt, left) => left },
  "has no deadline for the whole": { limitOf: (attempt) => attempt }
}

describe("the model of HttpGuard.standard", () => {
  it.effect("differs from each fault somewhere in a thousand programs, so that the property finds it", () =>
    Effect.gen(function*() {
      const programs = yield* Arbitrary.sampleEffect(Arbitrary.schema(Program), { count: 1000, size: 100, seed: 1 })
      const missed = Object.keys(mutants).filter((name) =>
        programs.every((program) => {
          const expected = modelled(program, rules)
          return expected === undefined ||
            JSON.stringify(modelled(program, { ...rules, ...mutants[name] })) === JSON.stringify(expected)
        })
      )
      assert.deepStrictEqual(missed, [])
    }))
})
