/** A gateway that answers requests and listens nowhere yet. */
import * as Registry from "@switchgear/core/Registry"
import { monotonicMillis } from "@switchgear/core/runtime"
import * as Telemetry from "@switchgear/core/Telemetry"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Tracer from "effect/Tracer"
import * as NodeTransport from "../NodeTransport.ts"
import { CurrentActor, noted } from "./admin/acts/note.ts"
import type { Desk } from "./admin/desk.ts"
import { CallRecord } from "./admin/journal/callRecord.ts"
import { ClientMinute } from "./admin/journal/clientMinute.ts"
import { Journal } from "./admin/journal/journal.ts"
import { Samples } from "./admin/journal/samples.ts"
import { Guards } from "./admin/guards.ts"
import type { Running, State } from "./admin/model.ts"
import { Shedding } from "./admin/journal/shedding.ts"
import { openDesk } from "./admin/openDesk.ts"
import { ownFamilies } from "./admin/metrics/all.ts"
import { isLoopback } from "./config/addresses.ts"
import { otherAtStart } from "./config/atStart.ts"
import { unfitInFleet } from "./config/namesInFleet.ts"
import { placeOf } from "./config/problem.ts"
import type { FleetNode } from "./cluster/model.ts"
import type { Address, Cluster, Config } from "./config/model.ts"
import { ConfigInvalid } from "./GatewayConfig.ts"
import * as Otlp from "./otlp/open.ts"
import { Front } from "./server/front.ts"
import type { Reply } from "./server/refusals.ts"
import * as Callers from "./service/callers.ts"
import { Keeper } from "./service/keeper.ts"
import * as Targets from "./service/targets.ts"

/**
 * What a gateway is made with besides its file.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * Makes the client of a provider. One that is not made by `ChatClient` or `NodeTransport`, or is wrapped, speaks chat
   * completions only. @default `NodeTransport.layerChatClient`
   */
  readonly client?: Targets.ClientOf | undefined
  /** Reads the file again, for an operator who asks for it. @default nothing is read again */
  readonly source?: Effect.Effect<Config, SourceError> | undefined
}

/**
 * Why a file cannot be taken over. The one in force stays.
 *
 * @category errors
 * @since 0.1.0
 */
export interface SourceError {
  readonly _tag: string
  readonly message: string
}

/** What answers clients and operators, and what both see. */
export interface Opened {
  readonly front: Front
  /** Undefined where the file has no token for operators. */
  readonly desk: Desk | undefined
  readonly state: State
  /** The same with what operators look back at; undefined where there are none. */
  readonly shown: Running | undefined
  readonly context: Context.Context<never>
  readonly reload: (config: Config) => Effect.Effect<void, ConfigInvalid>
  readonly reread: Effect.Effect<void, SourceError>
}

/** `stopped` is what new calls are told once the front is stopped, which whoever opens it has to do. */
export const open = (
  config: Config,
  options: Options = {},
  stopped?: Reply
): Effect.Effect<Opened, never, Scope.Scope> =>
  Effect.gen(function*() {
    // Made first, so that it hears of everything that ends.
    const telling = config.otlp && (yield* Otlp.open(config.otlp))
    const registry = yield* Registry.make()
    const telemetry = Context.get(yield* Layer.build(telemetryOf(registry)), Telemetry.View)
    const view = {
      health: telemetry.health,
      guards: Effect.map(telemetry.snapshots, (snapshots) => new Guards(snapshots, registry.history())),
      metrics: telemetry.within(Metric.snapshot)
    }
    const node = config.cluster && (yield* fleetNodeOf(config.cluster, registry))
    // Made before the address is: what files are made into later ends after the calls in flight, as that of the first one does.
    const around = yield* Scope.fork(yield* Scope.Scope)
    const keeper = new Keeper(around, registry, node?.fleet)
    const clientOf = options.client ?? NodeTransport.layerChatClient
    const generationOf = (config: Config) =>
      keeper.generation((use) =>
        Effect.flatMap(Targets.make(config, clientOf, use, telling?.watch), (made) =>
          Effect.map(Callers.make(config, made.targets, use), (callers) => ({ ...made, callers })))
      )

    const context = contextOf(yield* Effect.context<never>())
    const clock = Context.get(context, Clock.Clock)
    let current = { config, ...(yield* generationOf(config)).value }
    const front = new Front(current.callers, config.listen, context, {
      tracing: telling?.tracing,
      exemplars: config.admin?.exemplars ?? "off"
    }, stopped)
    const begun = config
    const takeOver = (read: Config) =>
      Effect.gen(function*() {
        const config = { ...read, listen: begun.listen, cluster: begun.cluster }
        if (!isLoopback(begun.listen.host) && config.clients.length === 0)
          return yield* openToAll(begun.listen)
        // The file may have no fleet any more: this gateway is part of one until it is started again.
        const unfit = begun.cluster === undefined ? [] : unfitInFleet(config)
        if (unfit.length > 0) {
          const problems = unfit.map(([path, problem]) => ({ place: placeOf(path), problem }))
          return yield* new ConfigInvalid({ problems })
        }
        const { endOthers, value } = yield* generationOf(config)
        current = { config, ...value }
        const ended = front.serve(value.callers)
        // A stream may go on for as long as its model lets it: no call ends because of a file.
        yield* Effect.forkDetach(Effect.andThen(ended, endOthers))
        const others = otherAtStart(begun, read)
        if (others.length > 0) {
          yield* Effect.logWarning(
            `What the file says of ${others.join(" and ")} is taken at the next start. That of this one holds.`
          )
        }
      }).pipe(Effect.uninterruptible)
    // A generation is made of the one before it.
    const oneByOne = yield* Semaphore.make(1)
    const reload = (config: Config) =>
      oneByOne.withPermit(takeOver(config))

    const wallClock = () => clock.currentTimeMillisUnsafe()
    const state: State = {
      registry,
      view,
      node,
      counts: front.counts,
      get config() {
        return current.config
      },
      get targets() {
        return current.targets
      },
      get providers() {
        return current.providers
      },
      get callers() {
        return current.callers
      },
      get generation() {
        return front.generation
      },
      get isReady() {
        return front.isReady
      },
      get inFlight() {
        return front.inFlight
      },
      // What is read last is taken over last.
      reload: oneByOne.withPermit(Effect.flatMap(options.source ?? Effect.succeed(config), takeOver)).pipe(
        Effect.tapError(({ message }) =>
          Effect.logError(`The file was not taken over. The one in force stays.\n${message}`)
        )
      )
    }
    /** Begins to keep what operators look back at. */
    const running = (): Running => {
      const records = {
        journal: new Journal(registry, wallClock),
        calls: new CallRecord(registry, wallClock),
        samples: new Samples(),
        clientMinute: new ClientMinute(),
        shedding: new Shedding()
      }
      return Object.defineProperties(records, Object.getOwnPropertyDescriptors(state)) as typeof records & State
    }
    if (telling !== undefined) yield* telling.tellMetrics(ownFamilies(state))
    const shown = config.admin && running()
    const desk = shown && (yield* openDesk(config.admin!, shown, context, () => monotonicMillis(clock)))
    const notedAs = <E>(reloading: Effect.Effect<void, E>) =>
      shown === undefined
        ? reloading
        : Effect.flatMap(CurrentActor, (actor) => noted(shown, "reload", "file", actor, reloading))
    return {
      front,
      desk,
      state,
      shown,
      context,
      reload: (config) => notedAs(reload(config)),
      reread: notedAs(state.reload)
    }
  })

/** Nothing of a fleet is loaded where the file has none. */
const fleetNodeOf = (
  cluster: Cluster,
  registry: Registry.Registry
): Effect.Effect<FleetNode, never, Scope.Scope> =>
  Effect.promise(() => import("./cluster/open.ts")).pipe(
    Effect.flatMap(({ open }) => open(cluster)),
    Effect.provideService(Registry.CurrentRegistry, registry)
  )

const openToAll = ({ host }: Address): ConfigInvalid =>
  new ConfigInvalid({
    problems: [{
      place: "clients",
      problem:
        `Expected at least one client with a token, because the gateway listens on ${host} until it is started again`
    }]
  })

/**
 * For what clients ask. It is part of no span in which the gateway was made, and no log line is told in a span: it may have words
 * of a provider, which a log is kept for and a collector is not.
 */
const contextOf = (context: Context.Context<never>): Context.Context<never> => {
  const loggers = [...Context.get(context, Logger.CurrentLoggers)].filter((logger) => logger !== Logger.tracerLogger)
  return Context.omit(Tracer.ParentSpan)(Context.add(context, Logger.CurrentLoggers, new Set(loggers)))
}

/** Metrics of this gateway alone: another one in the process may have guards of the same names. */
const telemetryOf = (registry: Registry.Registry): Layer.Layer<Telemetry.View> =>
  Telemetry.layer().pipe(
    Layer.provide(Layer.succeed(Registry.CurrentRegistry, registry)),
    Layer.provide(Layer.sync(Metric.MetricRegistry, () => new Map()))
  )
