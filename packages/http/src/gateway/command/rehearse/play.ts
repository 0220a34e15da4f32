/**
 * Plays one night in virtual time: the models, cascades, limits and budgets of the file, made as the gateway makes them,
 * with simulated providers in the place of the real ones.
 */
import { Load, VirtualClock } from "@switchgear/core/testing"
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as Registry from "@switchgear/core/Registry"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as HttpClient from "effect/http/HttpClient"
import * as ChatClient from "../../../ChatClient.ts"
import * as SimulatedProvider from "../../../testing/SimulatedProvider.ts"
import type { Config } from "../../config/model.ts"
import { Admission } from "../../../serverGuard/admission.ts"
import * as Callers from "../../service/callers.ts"
import { Keeper } from "../../service/keeper.ts"
import * as Targets from "../../service/targets.ts"
import { call } from "./customer.ts"
import { type Kind, modelsOf } from "./kinds.ts"
import type { Borne, Change, Figures, Spell } from "./model.ts"
import { type Night, type Phase, well } from "./nights.ts"
import { interval, Recorder } from "./recorder.ts"
import { speaking } from "./speaking.ts"

/** What is rehearsed. */
export interface Played {
  readonly config: Config
  /** The cascade or the model. */
  readonly target: string
  /** How customers ask, each as many of them. */
  readonly kinds: ReadonlyArray<Kind>
  readonly seed: string
}

export const play = (rehearsed: Played, night: Night): Effect.Effect<Figures> =>
  VirtualClock.play(Effect.scoped(Random.withSeed(played(rehearsed, night), rehearsed.seed))).pipe(
    // What a gateway logs in such a night is not what is asked for here.
    Effect.provideService(References.MinimumLogLevel, "None")
  )

interface Simulated {
  readonly provider: SimulatedProvider.SimulatedProvider["Service"]
  /** As many as the file has, and none of them real. */
  readonly keys: ReadonlyArray<string>
}

/** A model of the target, and where it is. */
interface Asked {
  readonly name: string
  readonly model: string
  readonly simulated: Simulated
}

const played = Effect.fnUntraced(function*({ config, kinds, seed, target }: Played, night: Night) {
  const providers = yield* providersOf(config)
  const clientOf: Targets.ClientOf = (options) => {
    const { keys, provider } = providers.get(options)!
    // There are no connections to be made.
    const { apiKey: _, connectTimeout: __, connections: ___, keepAliveTimeout: ____, proxy: _____, ...own } = options
    const [first, ...others] = keys.map((key) => Redacted.make(key))
    return ChatClient.layer({ ...own, ...first !== undefined && { apiKey: [first, ...others] } }).pipe(
      Layer.provide(Layer.succeed(HttpClient.HttpClient, speaking(SimulatedProvider.httpClient(provider))))
    )
  }
  const registry = yield* Registry.make()
  const keeper = new Keeper(yield* Scope.Scope, registry)
  const { value: callers } = yield* keeper.generation((use) =>
    Effect.flatMap(Targets.make(config, clientOf, use), ({ targets }) => Callers.make(config, targets, use))
  )
  const models = modelsOf(config, target).map((name): Asked => {
    const { options, provider } = config.models[name]!
    return { name, simulated: providers.get(config.providers[provider]!.options)!, model: options.model }
  })

  const clock = yield* Clock.Clock
  const begun = clock.currentTimeMillisUnsafe()
  const now = () => clock.currentTimeMillisUnsafe() - begun
  const changes: Array<Change> = []
  registry.observe({
    happened: ({ kind, reason, subject, to }) => {
      if (kind === CircuitBreaker.kind.tag && models.some(({ name }) => name === subject)) {
        changes.push({ at: now() / 1000, model: subject, to, reason })
      }
    }
  })
  const calls = new Map(models.map(({ name }) => [name, new Array<number>()]))
  const reached = new Map<string, number>()
  const countCalls = Effect.forEach(
    models,
    ({ model, name, simulated }) =>
      Effect.map(simulated.provider.stats(model), ({ started }) => {
        calls.get(name)!.push(started - (reached.get(name) ?? 0))
        reached.set(name, started)
      }),
    { discard: true }
  )
  yield* Effect.forkScoped(
    Effect.repeat(Effect.delay(countCalls, 1000 * interval), Schedule.forever)
  )
  const phases = yield* playPhases(night, models)

  const recorder = new Recorder(kinds)
  const admission = new Admission(config.listen.maxRequests)
  const willing = callers.all.filter(({ targets }) => targets.has(target))
  const customer = ({ index }: Load.Arrival) =>
    Effect.gen(function*() {
      phases.asked()
      const isFlood = night.flood !== undefined && (yield* Random.next) < night.flood
      const rest = isFlood || willing.length === 1 ? willing : willing.slice(1)
      const caller = isFlood ? willing[0]! : rest[index % rest.length]!
      const kind = kinds[Math.floor((yield* Random.next) * kinds.length)]!
      const popular = (yield* Random.next) < 0.2
      const question = popular ? `Popular question ${index % 50}` : `Question ${index}`
      const asked = now()
      let answered: number | undefined
      const wait = () => (answered ?? now()) - asked
      const over = (ending: Parameters<typeof recorder.ended>[1]) =>
        recorder.ended(kind, ending, isFlood, wait(), now())
      const { name, priority, share } = caller
      if (!admission.take(name, priority, 1, share)) {
        recorder.failed("Shed")
        return over("error")
      }
      const asking = Effect.suspend(() => call(kind, caller, target, question, () => (answered = now())))
      yield* Effect.matchCause(asking, {
        onFailure: (cause) => {
          recorder.failed(tagOf(cause))
          over("error")
        },
        onSuccess: over
      })
      admission.giveBack(name, priority, 1)
    })
  const { calls: customers } = yield* Effect.orDie(Load.run(night.arrivals, customer, { seed }))
  const down = yield* phases.end
  yield* countCalls

  const seconds = now() / 1000
  const borne: Array<Borne> = []
  for (const { model, name, simulated } of models) {
    const { maxInFlight, started } = yield* simulated.provider.stats(model)
    borne.push({ model: name, calls: started, whileDown: down.calls.get(name) ?? 0, mostAtOnce: maxInFlight })
  }
  return {
    night: night.name,
    about: night.about,
    customers,
    endings: recorder.counts,
    others: recorder.others,
    kinds: recorder.kinds,
    errors: recorder.errors,
    p50: recorder.wait(0.5),
    p95: recorder.wait(0.95),
    customersWhileDown: down.customers,
    models: borne,
    ...down.keyCalls !== undefined && { keyWhileDown: down.keyCalls },
    cost: yield* costOf(callers),
    seconds,
    spells: spellsOf(night, seconds),
    changes,
    series: { interval, calls: Object.fromEntries(calls), ...recorder.series(seconds) }
  } satisfies Figures
})

/** What happens to whom, and how many calls reach those that cannot answer meanwhile. */
const playPhases = Effect.fnUntraced(function*({ phases }: Night, models: ReadonlyArray<Asked>) {
  const [first] = models
  const key = first!.simulated.keys[0]
  /** A spent key is met by every model of its provider. */
  const victims = ({ who }: Phase) =>
    who === "all"
      ? models
      : models.filter(({ name, simulated }) =>
        who === "first key" ? simulated === first!.simulated : name === first!.name
      )
  const isOfKey = ({ who }: Phase) => who === "first key" && key !== undefined
  const calls = new Map<string, number>()
  let keyCalls: number | undefined
  let customers = 0
  let current: { readonly phase: Phase; readonly started: ReadonlyMap<string, number> } | undefined
  /** By model, or of the key alone. */
  const startedAt = (phase: Phase) =>
    isOfKey(phase)
      ? Effect.map(first!.simulated.provider.keyStats(key!), ({ started }) => new Map([[key!, started]]))
      : Effect.map(
        Effect.forEach(victims(phase), ({ model, name, simulated: { provider } }) =>
          Effect.map(provider.stats(model), ({ started }) =>
            [name, started] as const)),
        (all) =>
          new Map(all)
      )
  const close = Effect.gen(function*() {
    if (current?.phase.state === "down") {
      for (const [name, started] of yield* startedAt(current.phase)) {
        const more = started - (current.started.get(name) ?? 0)
        if (isOfKey(current.phase)) keyCalls = (keyCalls ?? 0) + more
        else calls.set(name, (calls.get(name) ?? 0) + more)
      }
    }
    current = undefined
  })
  yield* Effect.forkScoped(Effect.gen(function*() {
    let now = 0
    for (const phase of phases) {
      yield* Effect.sleep(1000 * (phase.at - now))
      now = phase.at
      yield* close
      current = { phase, started: yield* startedAt(phase) }
      if (isOfKey(phase)) yield* first!.simulated.provider.setKey(key!, phase.behaviour)
      else for (const { model, simulated } of victims(phase)) yield* simulated.provider.set(model, phase.behaviour)
    }
  }))
  return {
    asked: () => {
      if (current?.phase.state === "down") customers++
    },
    end: Effect.map(close, () => ({ calls, keyCalls, customers }))
  }
})

/** Phases of one state that follow each other are one spell. */
const spellsOf = ({ phases }: Night, seconds: number): ReadonlyArray<Spell> => {
  const begins = phases.filter(({ state }, i) => state !== phases[i - 1]?.state)
  return begins.flatMap(({ at, state }, i) =>
    state === "well" ? [] : [{ from: at, to: Math.min(seconds, begins[i + 1]?.at ?? seconds), state }]
  )
}

const tagOf = (cause: Cause.Cause<unknown>): string => {
  const [reason] = cause.reasons
  return reason !== undefined && Cause.isFailReason(reason)
    ? (reason.error as { readonly _tag: string })._tag
    : "defect"
}

const providersOf = Effect.fnUntraced(function*(config: Config) {
  const providers = new Map<object, Simulated>()
  for (const [name, { options }] of Object.entries(config.providers)) {
    const models = Object.values(config.models).filter(({ provider }) => provider === name)
    const { apiKey } = options
    const count = apiKey === undefined ? 0 : Redacted.isRedacted(apiKey) ? 1 : apiKey.length
    providers.set(options, {
      provider: yield* SimulatedProvider.make({
        models: Object.fromEntries(models.map(({ options }) => [options.model, well]))
      }),
      keys: Array.from({ length: count }, (_, i) => `rehearsal-key-${i + 1}`)
    })
  }
  return providers
})

/** Undefined where prices are missing: what is known of it would be too little. */
const costOf = (callers: Callers.Callers): Effect.Effect<number | undefined> =>
  Effect.map(
    Effect.forEach(callers.all, ({ ledger }) => ledger === undefined ? Effect.undefined : ledger.snapshot),
    (snapshots) =>
      snapshots.every((snapshot) => snapshot === undefined) ||
        snapshots.some((snapshot) => snapshot !== undefined && snapshot.total.unpriced > 0)
        ? undefined
        : snapshots.reduce((sum, snapshot) => sum + (snapshot?.total.cost ?? 0), 0) / 1_000_000
  )
