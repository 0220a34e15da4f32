/** The night itself: the same customers come to both lanes while the provider follows its script. */
import type { ChatModel } from "@switchgear/http"
import { Clock, Duration, Effect, type Exit, Fiber, Random, type Scope, Stream } from "effect"
import { arrivals } from "./arrivals.ts"
import * as Lanes from "./lanes.ts"
import * as Ledger from "./ledger.ts"
import { report, type Reports } from "./report.ts"
import { beginnings, models, type Phase, phases, played, promise, seed } from "./scenario.ts"

/** A lane and what has happened in it so far. */
export interface Played extends Lanes.Lane, Ledger.Ledger {}

/** A night that can be watched while it is played. */
export interface Night {
  readonly bare: Played
  readonly protected: Played
  /** Milliseconds since the curtain rose, 0 before. */
  readonly now: Effect.Effect<number>
  /** Plays it to its end. */
  readonly play: Effect.Effect<Reports>
}

/** Sets the stage. Nothing is asked before `play`. */
export const make = <E, R>(connect: Lanes.Connect<E, R>): Effect.Effect<Night, E, R | Scope.Scope> =>
  Effect.gen(function*() {
    const bare: Played = { ...(yield* Lanes.bare(connect)), ...Ledger.empty() }
    const guarded: Played = { ...(yield* Lanes.guarded(connect)), ...Ledger.empty() }
    const lanes = [bare, guarded]
    const customers = yield* Random.withSeed(arrivals(phases), seed)
    let curtain = Infinity
    const now = Effect.map(Clock.currentTimeMillis, (time) => Math.max(0, time - curtain))
    const until = (second: number) =>
      Effect.flatMap(now, (at) => Effect.sleep(Math.max(0, Duration.toMillis(played(second)) - at)))

    yield* Effect.forEach(guarded.guarded, ({ breaker }) =>
      breaker.transitions.pipe(
        Stream.runForEach(({ at, from, reason, to }) =>
          Effect.sync(() =>
            guarded.changes.push({ model: breaker.name, from, to, reason, atMs: Math.round(at - curtain) })
          )
        ),
        Effect.forkScoped({ startImmediately: true })
      ))

    const begin = Effect.fnUntraced(function*({ provider, marks }: Played, phase: Phase, index: number) {
      yield* Effect.forEach(models, (model) => provider.set(model, phase.behaviours[model]))
      marks.push({ phase: index, at: yield* now, received: yield* received(provider) })
    })
    const script = Effect.forEach(
      phases,
      (phase, index) =>
        Effect.andThen(until(beginnings[index]!), Effect.forEach(lanes, (lane) => begin(lane, phase, index)))
    )

    const serve = ({ ask, settled }: Played, question: string) =>
      Effect.gen(function*() {
        const [waited, exit] = yield* Effect.timed(Effect.exit(ask(question)))
        settled.push({ at: yield* now, waited: Duration.toMillis(waited), result: resultOf(exit) })
      })

    const play = Effect.gen(function*() {
      curtain = yield* Clock.currentTimeMillis
      const provider = yield* Effect.forkChild(script, { startImmediately: true })
      const served: Array<Fiber.Fiber<void>> = []
      for (const { at, question } of customers) {
        yield* until(at)
        for (const lane of lanes) {
          served.push(yield* Effect.forkChild(serve(lane, question), { startImmediately: true }))
        }
      }
      yield* Fiber.join(provider)
      yield* until(beginnings.at(-1)!)
      yield* Fiber.awaitAll(served)
      return {
        bare: report(bare, yield* received(bare.provider), undefined),
        protected: report(guarded, yield* received(guarded.provider), played(promise))
      }
    })
    return { bare, protected: guarded, now, play }
  }).pipe(Random.withSeed(seed))

const received = (provider: Lanes.Lane["provider"]) =>
  Effect.map(
    Effect.forEach(models, (model) => Effect.map(provider.stats(model), ({ started }) => [model, started] as const)),
    (counts): Readonly<Record<string, number>> => Object.fromEntries(counts)
  )

const resultOf = (
  exit: Exit.Exit<Pick<ChatModel.Answer, "step" | "degradation">, { readonly _tag: string }>
): Ledger.Settled["result"] => {
  if (exit._tag === "Success") return { _tag: "Answered", step: exit.value.step, degradation: exit.value.degradation }
  const failure = exit.cause.reasons.find((reason) => reason._tag === "Fail")
  return { _tag: "Failed", error: failure?.error._tag ?? "Defect" }
}
