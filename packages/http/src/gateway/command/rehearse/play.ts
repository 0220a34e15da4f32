/**
 * Plays one night in virtual time: the models, cascades, limits and budgets of the file, made as the gateway makes them,
 * with simulated providers in the place of the real ones.
 */
import { Load, VirtualClock } from "@switchgear/core/testing"
import * as Registry from "@switchgear/core/Registry"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as HttpClient from "effect/http/HttpClient"
import * as ChatClient from "../../../ChatClient.ts"
import type * as ChatModel from "../../../ChatModel.ts"
import * as SimulatedProvider from "../../../testing/SimulatedProvider.ts"
import type { Config } from "../../config/model.ts"
import { asking } from "../../service/asking.ts"
import * as Callers from "../../service/callers.ts"
import { Keeper } from "../../service/keeper.ts"
import * as Targets from "../../service/targets.ts"
import { type Borne, type Ending, endings, type Figures } from "./model.ts"
import { type Night, type Phase, well } from "./nights.ts"

/** How long a customer waits before they leave. */
const patience = "30 seconds"

export const play = (config: Config, target: string, night: Night, seed: string): Effect.Effect<Figures> =>
  VirtualClock.play(Effect.scoped(Random.withSeed(played(config, target, night, seed), seed))).pipe(
    // What a gateway logs in such a night is not what is asked for here.
    Effect.provideService(References.MinimumLogLevel, "None")
  )

interface Simulated {
  readonly name: string
  readonly provider: SimulatedProvider.SimulatedProvider["Service"]
}

const played = Effect.fnUntraced(function*(config: Config, target: string, night: Night, seed: string) {
  const providers = yield* providersOf(config)
  const clientOf: Targets.ClientOf = (options) =>
    ChatClient.layer({ provider: options.provider, baseUrl: options.baseUrl }).pipe(
      Layer.provide(
        Layer.succeed(HttpClient.HttpClient, SimulatedProvider.httpClient(providers.get(options)!.provider))
      )
    )
  const keeper = new Keeper(yield* Scope.Scope, yield* Registry.make())
  const { value: callers } = yield* keeper.generation((use) =>
    Effect.flatMap(Targets.make(config, clientOf, use), ({ targets }) => Callers.make(config, targets, use))
  )

  const models = modelsOf(config, target).map((name) => {
    const { options, provider } = config.models[name]!
    return { name, simulated: providers.get(config.providers[provider]!.options)!, model: options.model, provider }
  })
  const victims = (who: Phase["who"]) =>
    who === "all" ?
      models :
      models.filter(({ name, provider }) =>
        who === "first model" ? name === models[0]!.name : provider === models[0]!.provider
      )
  const downCalls = new Map<string, number>()
  let isDown = false
  let customersWhileDown = 0
  const startedNow = Effect.map(
    Effect.forEach(
      models,
      ({ model, name, simulated }) =>
        Effect.map(simulated.provider.stats(model), ({ started }) => [name, started] as const)
    ),
    (all) => new Map(all)
  )
  let current: { readonly phase: Phase; readonly started: ReadonlyMap<string, number> } | undefined
  /** Counts the calls that came to models which could not answer. */
  const closePhase = Effect.gen(function*() {
    if (current?.phase.state !== "down") return
    const { phase, started } = current
    const now = yield* startedNow
    for (const { name } of victims(phase.who)) {
      downCalls.set(name, (downCalls.get(name) ?? 0) + now.get(name)! - started.get(name)!)
    }
    current = undefined
  })
  yield* Effect.forkScoped(Effect.gen(function*() {
    let now = 0
    for (const phase of night.phases) {
      yield* Effect.sleep(1000 * (phase.at - now))
      now = phase.at
      yield* closePhase
      current = { phase, started: yield* startedNow }
      isDown = phase.state === "down"
      for (const { model, simulated } of victims(phase.who)) yield* simulated.provider.set(model, phase.behaviour)
    }
  }))

  const errors: Record<string, number> = {}
  const counts = zeros()
  const others = zeros()
  const call = ({ index }: Load.Arrival) =>
    Effect.gen(function*() {
      if (isDown) customersWhileDown++
      const isFlood = night.flood !== undefined && (yield* Random.next) < night.flood
      const willing = callers.all.filter(({ targets }) => targets.has(target))
      const rest = isFlood || willing.length === 1 ? willing : willing.slice(1)
      const caller = isFlood ? willing[0]! : rest[index % rest.length]!
      const popular = (yield* Random.next) < 0.2
      const request: ChatModel.Request = {
        messages: [{ role: "user", content: popular ? `Popular question ${index % 50}` : `Question ${index}` }],
        max_tokens: 300
      }
      let ending: Ending = "error"
      const asked = asking(
        { caller, request, patience: undefined, language: "en" },
        Effect.map(caller.targets.get(target)!.chat!.complete(request), (answer) => {
          ending = endingOf(answer)
          return answer.value.usage ?? undefined
        })
      )
      const exit = yield* Effect.exit(Effect.timeoutOption(asked, patience))
      if (Exit.isFailure(exit)) {
        const tag = tagOf(exit.cause)
        errors[tag] = (errors[tag] ?? 0) + 1
      } else if (Option.isNone(exit.value)) ending = "left"
      counts[ending]++
      if (!isFlood) others[ending]++
    })
  const report = yield* Effect.orDie(Load.run(night.arrivals, call, { seed }))
  yield* closePhase

  const borne: Array<Borne> = []
  for (const { model, name, simulated } of models) {
    const { maxInFlight, started } = yield* simulated.provider.stats(model)
    borne.push({ model: name, calls: started, whileDown: downCalls.get(name) ?? 0, mostAtOnce: maxInFlight })
  }
  return {
    night: night.name,
    about: night.about,
    customers: report.calls,
    endings: counts,
    others,
    errors,
    p50: report.latency.p50,
    p95: report.latency.p95,
    customersWhileDown,
    models: borne,
    cost: yield* costOf(callers)
  } satisfies Figures
})

const zeros = (): Record<Ending, number> => Object.fromEntries(endings.map((ending) => [ending, 0])) as never

const endingOf = ({ degradation }: ChatModel.Answer): Ending =>
  degradation === "none" ? "asked-for" : degradation === "canned" ? "sentence" : degradation

const tagOf = (cause: Cause.Cause<unknown>): string => {
  const [reason] = cause.reasons
  return reason !== undefined && Cause.isFailReason(reason)
    ? (reason.error as { readonly _tag: string })._tag
    : "defect"
}

/** The models that a name stands for, in order. */
export const modelsOf = (config: Config, target: string): ReadonlyArray<string> =>
  config.cascades[target]?.steps ?? [target]

const providersOf = Effect.fnUntraced(function*(config: Config) {
  const providers = new Map<object, Simulated>()
  for (const [name, { options }] of Object.entries(config.providers)) {
    const models = Object.values(config.models).filter(({ provider }) => provider === name)
    const provider = yield* SimulatedProvider.make({
      models: Object.fromEntries(models.map(({ options }) => [options.model, well]))
    })
    providers.set(options, { name, provider })
  }
  return providers
})

const costOf = (callers: Callers.Callers): Effect.Effect<number | undefined> =>
  Effect.map(
    Effect.forEach(callers.all, ({ ledger }) => ledger === undefined ? Effect.undefined : ledger.snapshot),
    (snapshots) =>
      snapshots.every((snapshot) => snapshot === undefined)
        ? undefined
        : snapshots.reduce((sum, snapshot) => sum + (snapshot?.total.cost ?? 0), 0) / 1_000_000
  )
