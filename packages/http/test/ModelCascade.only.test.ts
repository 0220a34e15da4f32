/** A cascade of one model takes a shorter way. It says and counts what one says that has another model which is never at hand. */
import { assert, it, vi } from "@effect/vitest"
import { Deadline } from "@switchgear/core"
import { VirtualClock } from "@switchgear/core/testing"
import { ChatClient, ChatError, ChatModel, ModelCascade } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Clock, Context, Effect, Layer, References, Schema } from "effect"
import { ask } from "./support/fourModels.ts"
import { modelOf } from "./support/modelOf.ts"

const { AttemptCounter, CurrentAttemptCounter } = await vi.importActual<
  typeof import("../src/chatModel/attemptCounter.ts")
>("../src/chatModel/attemptCounter.ts")
const { CurrentAlternatives } = await vi.importActual<typeof import("../src/chatModel/retries.ts")>(
  "../src/chatModel/retries.ts"
)

const outcomes: Readonly<Record<string, Behaviour.Outcome>> = {
  answers: Behaviour.ok("Good day"),
  fails: Behaviour.serverError,
  "is limited": Behaviour.rateLimited("2 seconds"),
  "is overloaded": Behaviour.overloaded,
  "refuses the key": Behaviour.unauthorized,
  hangs: Behaviour.hang,
  "is cut": Behaviour.cut("mid-body"),
  "is lost": Behaviour.cut("before-headers"),
  "answers by a page": Behaviour.htmlError()
}

const Case = Schema.Struct({
  outcomes: Schema.Array(Schema.Literals(Object.keys(outcomes))).check(Schema.isMinLength(1), Schema.isMaxLength(8)),
  patience: Schema.Literals(["none", "1 second", "7 seconds"]),
  shared: Schema.Literals(["alone", "shared"]),
  maxAttempts: Schema.Literals([1, 3])
})

/** Is never at hand, and refuses without a call where it is asked all the same. */
const absent = ChatModel.of({
  name: "absent",
  isAvailable: Effect.succeed(false),
  complete: () => Effect.fail(new ChatError.ProviderFault({ provider: "p", model: "absent", status: 503 }))
})

const neutral = { allowsWait: () => true, hasLost: () => false }

const ways = ["only", "within others", "with another"] as const

/** What is told of three calls. */
const told = (way: (typeof ways)[number], { maxAttempts, outcomes: names, patience, shared }: typeof Case.Type) => {
  let next = 0
  const outcome = Behaviour.perRequest(() => outcomes[names[next++ % names.length]!]!)
  const program = Effect.gen(function*() {
    const model = yield* modelOf({
      model: "m",
      attemptTimeout: "5 seconds",
      retry: { maxAttempts, jitter: "none" },
      breaker: { minimumCalls: 3 }
    })
    const options = { share: "none", cache: { timeToLive: shared === "shared" ? "1 milli" : 0 } } as const
    const cascade: ModelCascade.ModelCascade<any> = way === "with another"
      ? yield* ModelCascade.make({ models: [{ model }, { model: absent }], ...options })
      : yield* ModelCascade.make({ models: [{ model }], ...options })
    const seen: Array<unknown> = []
    for (const question of ["one", "two", "three"]) {
      const counter = new AttemptCounter()
      const call = cascade.complete(ask(question))
      const exit = yield* Effect.result(patience === "none" ? call : Deadline.within(patience)(call)).pipe(
        Effect.updateContext((context: Context.Context<never>) =>
          Context.add(context, CurrentAttemptCounter, counter).pipe((context) =>
            way === "within others" ? Context.add(context, CurrentAlternatives, neutral) : context
          )
        )
      )
      const of = (failures: ReadonlyArray<{ readonly step: string; readonly error: { readonly _tag: string } }>) =>
        failures.filter(({ step }) => step !== "absent").map(({ error, step }) => [step, error._tag])
      const { asking, attempts, possiblyBilledAttempts } = counter
      seen.push(
        exit._tag === "Success"
          ? { ...exit.success, failures: of(exit.success.failures) }
          : exit.failure._tag === "CascadeExhausted"
          ? of(exit.failure.failures)
          : exit.failure._tag,
        { asking, attempts, possiblyBilledAttempts },
        yield* Clock.currentTimeMillis,
        { ...yield* model.breaker.snapshot, since: undefined }
      )
    }
    return seen
  })
  return Effect.promise(() =>
    Effect.runPromise(VirtualClock.play(
      Effect.provideService(program, References.MinimumLogLevel, "None").pipe(
        Effect.provide(
          ChatClient.layer({ provider: "p", baseUrl: "http://simulated.test/v1" }).pipe(
            Layer.provide(SimulatedProvider.layerHttpClient),
            Layer.provideMerge(SimulatedProvider.layer({ models: { m: { outcome } } }))
          )
        )
      )
    ))
  )
}

it.effect.prop(
  "one model says and counts the same alone, beside a model that is never at hand, and within another cascade",
  { of: Case },
  ({ of }) =>
    Effect.gen(function*() {
      const [only, ...others] = yield* Effect.forEach(ways, (way) => told(way, of))
      for (const other of others) assert.deepStrictEqual(other, only)
    }),
  { arbitrary: { runs: 60 }, timeout: 60_000 }
)
