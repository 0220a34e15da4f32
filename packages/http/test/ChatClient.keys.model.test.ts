import { assert, it } from "@effect/vitest"
import { ChatClient, ChatError } from "@switchgear/http"
import { Deferred, Duration, Effect, Exit, Fiber, Redacted, Schema } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"

const whole = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const index = whole(0, 20)
const retryAfter = Schema.Literals([0, 3, 20])

const Operation = Schema.Union([
  Schema.Struct({ _tag: Schema.tag("Call"), model: Schema.Literals(["flash", "pro"]) }),
  Schema.Struct({ _tag: Schema.tag("Answer"), index, status: Schema.Literals([200, 500]) }),
  // A refusal of a key, or of a model with this key, that names a time, in seconds, or none.
  Schema.Struct({ _tag: Schema.tag("Refuse"), index, retryAfter, of: Schema.Literals(["key", "model"]) }),
  Schema.Struct({ _tag: Schema.tag("Refuse"), index, retryAfter, of: Schema.Literals(["key", "model"]) }),
  Schema.Struct({ _tag: Schema.tag("Interrupt"), index }),
  Schema.Struct({ _tag: Schema.tag("Advance"), seconds: whole(1, 8) })
])

const History = Schema.Array(Operation).check(Schema.isMinLength(30), Schema.isMaxLength(100))

const parkFor = 10
const maxRetryAfter = 15
const places = [0, 1, 2]
const secretOf = (place: number) => `sk-secret-of-place-${place}`

/** A request that has no answer yet. */
interface Request {
  readonly place: number
  readonly model: string
  /** How many refusals had parked its key when it was sent: for all models, and for its own. */
  readonly known: { readonly key: number; readonly model: number }
  readonly answer: Deferred.Deferred<Response>
  state: "open" | "answered" | "aborted"
}

/** A key is not used before a time, while the provider may have named a later one. */
interface Park {
  readonly until: number
  readonly told: number
}

interface Call {
  readonly model: string
  readonly fiber: Fiber.Fiber<unknown, ChatError.ChatError>
  readonly requests: Array<Request>
}

const play = (history: ReadonlyArray<typeof Operation.Type>) =>
  Effect.gen(function*() {
    const calls: Array<Call> = []
    /** The refusals that parked a key, in the order in which they came: for all models, and for one each. */
    const parks = places.map(() => ({ key: [] as Array<Park>, flash: [] as Array<Park>, pro: [] as Array<Park> }))
    let now = 0
    let sent: Array<Request> = []
    const last = (list: ReadonlyArray<Park>): Park => list.at(-1) ?? { until: 0, told: 0 }
    /** The park that counts for a model. */
    const parkOf = (place: number, model: string): Park => {
      const [all, own] = [last(parks[place]!.key), last(parks[place]![model as "pro"])]
      return own.until > all.until ? own : all
    }
    const freeAt = (place: number, model: string) => parkOf(place, model).until

    const http = HttpClient.make((request) =>
      Effect.suspend(() => {
        const place = places.find((place) => request.headers["authorization"] === `Bearer ${secretOf(place)}`)!
        const text = new TextDecoder().decode((request.body as unknown as { readonly body: Uint8Array }).body)
        const { model } = JSON.parse(text) as { readonly model: "flash" | "pro" }
        const made: Request = {
          place,
          model,
          known: { key: parks[place]!.key.length, model: parks[place]![model].length },
          answer: Deferred.makeUnsafe(),
          state: "open"
        }
        sent.push(made)
        return Deferred.await(made.answer).pipe(
          Effect.map((response) => HttpClientResponse.fromWeb(request, response)),
          Effect.onExit((exit) => Effect.sync(() => made.state = Exit.isSuccess(exit) ? "answered" : "aborted"))
        )
      })
    )
    const client = yield* ChatClient.make({
      provider: "openai",
      baseUrl: "http://simulated.test/v1",
      apiKey: [Redacted.make(secretOf(0)), Redacted.make(secretOf(1)), Redacted.make(secretOf(2))],
      parkFor: `${parkFor} seconds`,
      maxRetryAfter: `${maxRetryAfter} seconds`,
      timeout: "1 hour"
    }).pipe(Effect.provideService(HttpClient.HttpClient, http))

    /** What a call does next is known: it asks with the first free key that it has not tried, or has failed. */
    const assertNext = (call: Call) => {
      const tried = call.requests.map(({ place }) => place)
      const next = places.find((place) => freeAt(place, call.model) <= now && !tried.includes(place))
      assert.deepStrictEqual(sent.map(({ place }) => place), next === undefined ? [] : [next])
      call.requests.push(...sent)
      sent = []
      if (next !== undefined) return
      const exit = call.fiber.pollUnsafe()
      const error = exit !== undefined && Exit.isFailure(exit) ? exit.cause.reasons[0] : undefined
      assert.isTrue(error?._tag === "Fail" && ChatError.parksKey(error.error))
      const first = places.reduce((best, place) => freeAt(place, call.model) < freeAt(best, call.model) ? place : best)
      if (error?._tag !== "Fail" || freeAt(first, call.model) <= now) return
      assert.strictEqual(Duration.toSeconds(error.error.retryAfter!), parkOf(first, call.model).told - now)
    }

    for (const operation of history) {
      const open = calls.filter(({ requests }) => requests.at(-1)?.state === "open")
      const call = "index" in operation && open.length > 0 ? open[operation.index % open.length]! : undefined
      const request = call?.requests.at(-1)
      switch (operation._tag) {
        case "Call": {
          const { model } = operation
          const work = client.complete({ model, messages: [] })
          const begun = { model, fiber: yield* Effect.forkChild(work, { startImmediately: true }), requests: [] }
          calls.push(begun)
          assertNext(begun)
          break
        }
        case "Answer":
          if (call === undefined || request === undefined) break
          const reply = JSON.stringify({ choices: [{ message: { content: "x" }, finish_reason: "stop" }] })
          yield* Deferred.succeed(request.answer, new Response(reply, { status: operation.status }))
          yield* Fiber.await(call.fiber)
          assert.deepStrictEqual(sent, [])
          break
        case "Refuse": {
          if (call === undefined || request === undefined) break
          const { known, model, place } = request
          const { of, retryAfter } = operation
          const list = parks[place]![of === "key" ? "key" : model as "pro"]
          const isNews = retryAfter > 0 || list.length === known[of]
          const told = now + (retryAfter > 0 ? retryAfter : parkFor)
          const until = Math.min(told, now + maxRetryAfter)
          if (isNews && until > last(list).until) list.push({ until, told })
          const headers = retryAfter > 0 ? { "retry-after": String(retryAfter) } : undefined
          const body = of === "key" ? "" : JSON.stringify({ error: { details: [ofModel] } })
          const status = of === "key" ? 402 : 429
          yield* Deferred.succeed(request.answer, new Response(body, { status, ...(headers && { headers }) }))
          yield* settled(call, () => sent.length > 0)
          assertNext(call)
          break
        }
        case "Interrupt":
          if (call === undefined) break
          yield* Fiber.interrupt(call.fiber)
          assert.strictEqual(request?.state, "aborted")
          assert.deepStrictEqual(sent, [])
          break
        case "Advance":
          now += operation.seconds
          yield* TestClock.adjust(operation.seconds * 1000)
      }
      const left = ({ until }: Park) => until > now ? until - now : undefined
      assert.deepStrictEqual(
        (yield* client.keys).map(({ models = [], parkedFor }) => [
          parkedFor && Duration.toSeconds(parkedFor),
          ...["flash", "pro"].map((name) => {
            const own = models.find(({ model }) => model === name)
            return own && Duration.toSeconds(own.parkedFor)
          })
        ]),
        places.map((place) =>
          [parks[place]!.key, parks[place]!.flash, parks[place]!.pro].map((list) => left(last(list)))
        )
      )
    }
    yield* Effect.forEach(calls, ({ fiber }) => Fiber.interrupt(fiber))
    assert.isFalse(calls.some(({ requests }) => requests.some(({ state }) => state === "open")))
  })

const ofModel = { violations: [{ quotaId: "RequestsPerDayPerProjectPerModel" }] }

/** Lets a call read what it was answered, and do what it does then. */
const settled = (call: Call, isDone: () => boolean) =>
  Effect.gen(function*() {
    while (!isDone() && call.fiber.pollUnsafe() === undefined) yield* Effect.promise(() => Promise.resolve())
  })

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 100)

it.effect.prop(
  "each call asks with the first key that is not parked, and each key is parked as its refusals say, whatever runs at once",
  { history: History },
  ({ history }) => play(history),
  { arbitrary: { runs, size: 100 }, timeout: 20_000 + 100 * runs }
)
