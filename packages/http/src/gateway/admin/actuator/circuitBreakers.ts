/** `/actuator/circuitbreakers`: all circuits, and three commands for one. */
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { AdminRoute } from "../model.ts"
import { stateOf } from "../journal/callRecord.ts"
import { onCircuit } from "../acts/circuits.ts"
import { partOf, reading, refused, writing } from "./answers.ts"
import { percentText } from "./java.ts"

/** The numbers of one circuit. A threshold that is off is left out. */
export const detailsOf = (circuit: CircuitBreaker.Snapshot) => {
  const { calls, failed, rejected, slow, slowFailed, state, thresholds } = circuit
  const { failureRate, slowCallRate } = thresholds
  return {
    failureRate: rateText(circuit.failureRate, failed, calls),
    failureRateThreshold: failureRate === undefined ? undefined : percentText(failureRate * 100),
    slowCallRate: rateText(circuit.slowRate, slow, calls),
    slowCallRateThreshold: percentText(slowCallRate * 100),
    bufferedCalls: calls,
    slowCalls: slow,
    slowFailedCalls: slowFailed,
    failedCalls: failed,
    notPermittedCalls: rejected,
    state: stateOf(state)
  }
}

/** -1 while there are too few calls. Computed as resilience4j does, so that it is the same float. */
const rateText = (rate: number | undefined, part: number, calls: number): string =>
  percentText(rate === undefined || calls === 0 ? -1 : part * 100 / calls)

const commands: { readonly [updateState: string]: "close" | "open" | "disable" } = {
  CLOSE: "close",
  FORCE_OPEN: "open",
  DISABLE: "disable"
}

export const circuitBreakerRoutes: ReadonlyArray<AdminRoute> = [
  reading("/circuitbreakers", (_, { view }) =>
    Effect.map(view.guards, (guards) => ({
      json: {
        circuitBreakers: Object.fromEntries(
          guards.of(CircuitBreaker.kind).map(({ id, snapshot }) => [id, detailsOf(snapshot)])
        )
      }
    }))),
  writing("/circuitbreakers/:name", (request, running) =>
    Effect.gen(function*() {
      const name = partOf(request, 1)
      const body = parsed(request.body)
      const told = body["updateState"]
      const command = typeof told === "string" && Object.hasOwn(commands, told) ? commands[told] : undefined
      if (command === undefined) {
        return refused(400, request, `Expected updateState to be one of ${Object.keys(commands).join(", ")}.`)
      }
      const given = body["reason"]
      // What nobody sees is left out of the history, and would leave nothing.
      const reason = typeof given === "string" && /[^\s\p{C}]/u.test(given) ? given : "actuator"
      const state = yield* onCircuit(running, name, command, { by: request.scope, reason })
      return state === undefined ? refused(404, request, `There is no circuit breaker ${JSON.stringify(name)}.`) : {
        json: {
          circuitBreakerName: name,
          currentState: stateOf(state),
          message: `${name} state has been changed successfully`
        }
      }
    }))
]

const parsed = (body: string): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(body)
    return Predicate.isReadonlyObject(value) ? value as Readonly<Record<string, unknown>> : {}
  } catch {
    return {}
  }
}
