/** The targets of one guarded fetch: their registry, their metrics, and the calls that run. */
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as Registry from "@switchgear/core/Registry"
import * as SavedState from "@switchgear/core/SavedState"
import * as Telemetry from "@switchgear/core/Telemetry"
import { monotonicMillis, OptionsOf } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as Scope from "effect/Scope"
import { exportedIn, nothingRestored, restored } from "./exported.ts"
import type { GuardedCall } from "./guardedCall.ts"
import { GuardedFetchError } from "./GuardedFetchError.ts"
import type {
  CircuitState,
  ExportedState,
  FetchHealth,
  FetchTransition,
  Guards,
  RestoredState,
  TargetControl,
  TargetHealth
} from "./model.ts"
import type { Time } from "./options.ts"
import { Running } from "./running.ts"
import type { Settings } from "./settings.ts"
import { targetHealth } from "./targetHealth.ts"
import * as Target from "./target.ts"
import { Targets } from "./targets.ts"

export class TargetGuards implements Guards {
  readonly settings: Settings
  private readonly targets: Targets
  private readonly registry: Registry.Registry
  private readonly context: Context.Context<never>
  private readonly scope = Scope.makeUnsafe()
  private readonly telemetry: Telemetry.View["Service"]
  private readonly running = new Running<GuardedCall<any, any, any>>()
  private readonly clock: Clock.Clock
  private closing: Promise<void> | undefined

  /** `context` has the clock that is not the live one, in tests. */
  constructor(settings: Settings, context: Context.Context<never>) {
    this.settings = settings
    const registry = Effect.runSync(Registry.make())
    this.registry = registry
    this.clock = Context.get(context, Clock.Clock)
    this.context = Context.mergeAll(
      // A library prints nothing: changes are told to those who listen.
      Context.make(Logger.CurrentLoggers, new Set()),
      context,
      Context.make(Registry.CurrentRegistry, registry),
      Context.make(Metric.MetricRegistry, new Map())
    )
    this.telemetry = Context.get(this.sync(Layer.buildWithScope(Telemetry.layer(), this.scope)), Telemetry.View)
    this.targets = new Targets(
      settings.capacity,
      (name) => this.sync(Target.make(name, settings)),
      ({ breaker }) => isOpen(this.sync(breaker.state))
    )
  }

  /** The target of a name, as a use of it. Throws when all is closed. */
  use(name: string): Target.Target {
    if (this.closing !== undefined) throw closed()
    return this.targets.use(name)
  }

  get isClosed(): boolean {
    return this.closing !== undefined
  }

  /** Milliseconds of the clock that only goes on. */
  get now(): number {
    return monotonicMillis(this.clock)
  }

  run<A>(call: GuardedCall<A, any, any>): Promise<A> {
    const { now } = this
    this.running.look(now, lost)
    this.running.add(call, now)
    return call.run(Effect.runForkWith(this.context), () => this.running.delete(call))
  }

  /** What users read and control. */
  get face(): Guards {
    const { control, exportState, health, metrics, on, restoreState, [Symbol.asyncDispose]: dispose } = this
    return { health, metrics, on, control, exportState, restoreState, [Symbol.asyncDispose]: dispose }
  }

  readonly health = (): FetchHealth => {
    const { status } = this.sync(this.telemetry.health)
    const targets = this.targets.entries.map((target) => [target.name, this.sync(healthOf(target))] as const)
    return { status: status === "unknown" ? "up" : status, targets: Object.fromEntries(targets) }
  }

  readonly metrics = (): string => this.sync(this.telemetry.within(PrometheusMetrics.format()))

  readonly on = (event: "transition", listener: (transition: FetchTransition) => void): () => void => {
    const check = new OptionsOf("on")
    check.oneOf("event", event, ["transition"])
    check.callback("listener", listener)
    return this.registry.observe({
      happened: ({ at, from, id, kind, reason, to }) => {
        if (kind !== CircuitBreaker.kind.tag) return
        listener({ target: id, from: from as CircuitState, to: to as CircuitState, reason, at })
      }
    })
  }

  readonly control = (name: string): TargetControl => {
    new OptionsOf("control").name(name)
    const act = (effect: (target: Target.Target) => Effect.Effect<void>) => this.sync(effect(this.use(name)))
    const check = new OptionsOf("control")
    return {
      open: (time) => {
        const millis = time === undefined ? undefined : check.positive("time", time as Duration.Input)
        act(({ breaker: { control } }) => millis === undefined ? control.forceOpen : control.trip(millis))
      },
      close: () => act(({ breaker }) => breaker.control.close),
      disable: () => act(({ breaker }) => breaker.control.disable),
      metricsOnly: () => act(({ breaker }) => breaker.control.metricsOnly),
      reset: () => act(({ breaker }) => breaker.control.reset),
      pause: (time: Time) => {
        const millis = check.positive("time", time as Duration.Input)
        act(({ limiter }) => limiter.pause(millis))
      },
      resume: () => act(({ limiter }) => limiter.resume)
    }
  }

  readonly exportState = (): ExportedState => this.sync(SavedState.save)

  readonly restoreState = (given: unknown): RestoredState => {
    const state = exportedIn(given)
    if (state === undefined) return nothingRestored
    const sync = <A>(effect: Effect.Effect<A>) => this.sync(effect)
    const first = restored(state, sync)
    const targets = first.ignored.filter(({ kind, reason }) =>
      reason === "not-registered" && kind === CircuitBreaker.kind.tag
    )
    // Those used last are the last. All are made now: one that is not used here is exported again.
    for (const { id } of targets.slice(-this.settings.capacity)) if (id !== "") this.use(id)
    const second = restored(state, sync)
    const known = new Set(first.restored.map(({ id, kind }) => JSON.stringify([kind, id])))
    return {
      age: second.age,
      restored: [...first.restored, ...second.restored],
      ignored: second.ignored.filter(({ id, kind }) => !known.has(JSON.stringify([kind, id])))
    }
  }

  readonly [Symbol.asyncDispose] = (): Promise<void> => this.closing ??= this.close()

  private async close(): Promise<void> {
    const error = closed()
    await Promise.all(this.running.calls.map((call) => call.leave(error)))
    this.targets.closeAll()
    await Effect.runPromise(Scope.close(this.scope, Exit.void))
  }

  private sync<A>(effect: Effect.Effect<A, never, never>): A {
    return Effect.runSyncWith(this.context)(effect)
  }
}

const isOpen = (state: CircuitState): boolean => state === "Open" || state === "ForcedOpen"

const closed = () =>
  new GuardedFetchError("The guarded fetch was disposed of: make a new one.", {
    code: "closed",
    status: 503,
    isRetryable: false
  })

const lost = () =>
  new GuardedFetchError("The call was given up: the platform had ended the request that it was part of.", {
    code: "client_released",
    status: 500,
    isRetryable: false
  })

const healthOf = ({ breaker, bulkhead, limiter }: Target.Target): Effect.Effect<TargetHealth> =>
  Effect.map(Effect.all([breaker.snapshot, bulkhead.snapshot, limiter.snapshot]), (read) => targetHealth(...read))
