/** What is read of the guards of a gateway in the process, and done to them: in the words of a guarded `fetch`. */
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as ConcurrencyLimit from "@switchgear/core/ConcurrencyLimit"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Registry from "@switchgear/core/Registry"
import { OptionsOf } from "@switchgear/core/runtime"
import * as SavedState from "@switchgear/core/SavedState"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { exportedIn, nothingRestored, restored } from "../../fetch/exported.ts"
import type {
  CircuitState,
  ExportedState,
  FetchHealth,
  FetchTransition,
  RestoredState,
  TargetControl,
  TargetHealth
} from "../../fetch/model.ts"
import type { Time } from "../../fetch/options.ts"
import { targetHealth } from "../../fetch/targetHealth.ts"
import { allFamilies } from "../admin/metrics/all.ts"
import { print } from "../admin/metrics/text.ts"
import { type Command, commandOf } from "../admin/acts/circuits.ts"
import type { State } from "../admin/model.ts"

type RunSync = <A>(effect: Effect.Effect<A>) => A

export const healthOf = (state: State, run: RunSync): FetchHealth => {
  const { status } = run(state.view.health)
  const targets = Object.keys(state.config.models).map((name) => [name, run(modelHealth(state, name))] as const)
  return { status: status === "unknown" ? "up" : status, targets: Object.fromEntries(targets) }
}

export const metricsOf = (state: State, run: RunSync): string =>
  run(Effect.map(allFamilies(state), (families) => print(families, "prometheus")))

export const onTransition = (
  { registry }: State,
  event: "transition",
  listener: (transition: FetchTransition) => void
): () => void => {
  const check = new OptionsOf("on")
  check.oneOf("event", event, ["transition"])
  check.callback("listener", listener)
  return registry.observe({
    happened: ({ at, from, id, kind, reason, to }) => {
      if (kind !== CircuitBreaker.kind.tag) return
      listener({ target: id, from: from as CircuitState, to: to as CircuitState, reason, at })
    }
  })
}

/** Of one model. In a fleet, what opens and closes its circuit is for all gateways, as it is for operators. */
export const controlOf = (state: State, name: string, run: RunSync): TargetControl => {
  const check = new OptionsOf("control")
  check.oneOf("target", name, Object.keys(state.config.models))
  const circuit = (command: Command, duration?: Duration.Duration) => run(commandOf(state, name, command, duration)!)
  const limiter = (): RateLimiter.RateLimiter => {
    const found = guardOf<RateLimiter.RateLimiter>(state, RateLimiter.kind, name)
    return found ?? check.withhold("target", "a model that has a rateLimiter", name)
  }
  return {
    open: (time) => {
      if (time === undefined) circuit("open")
      else circuit("trip", Duration.millis(check.positive("time", time as Duration.Input)))
    },
    close: () => circuit("close"),
    disable: () => circuit("disable"),
    metricsOnly: () => circuit("metricsOnly"),
    reset: () => run(guardOf<CircuitBreaker.CircuitBreaker>(state, CircuitBreaker.kind, name)!.control.reset),
    pause: (time: Time) => {
      const millis = check.positive("time", time as Duration.Input)
      run(limiter().pause(millis))
    },
    resume: () => run(limiter().resume)
  }
}

export const exportedOf = ({ registry }: State, run: RunSync): ExportedState =>
  run(Effect.provideService(SavedState.save, Registry.CurrentRegistry, registry))

/** Guards that are in use already stay as they are. */
export const restoredOf = ({ registry }: State, given: unknown, run: RunSync): RestoredState => {
  const state = exportedIn(given)
  return state === undefined
    ? nothingRestored
    : restored(state, (effect) => run(Effect.provideService(effect, Registry.CurrentRegistry, registry)))
}

const guardOf = <Guard>({ registry }: State, { tag }: Registry.Kind<Guard, any>, name: string): Guard | undefined =>
  registry.find(tag, name)?.guard as Guard | undefined

const modelHealth = (state: State, name: string): Effect.Effect<TargetHealth> => {
  const breaker = guardOf<CircuitBreaker.CircuitBreaker>(state, CircuitBreaker.kind, name)!
  const bulkhead = guardOf<Bulkhead.Bulkhead>(state, Bulkhead.kind, name) ??
    guardOf<ConcurrencyLimit.ConcurrencyLimit>(state, ConcurrencyLimit.kind, name)!
  const limiter = guardOf<RateLimiter.RateLimiter>(state, RateLimiter.kind, name)
  return Effect.gen(function*() {
    return targetHealth(yield* breaker.snapshot, yield* bulkhead.snapshot, limiter && (yield* limiter.snapshot))
  })
}
