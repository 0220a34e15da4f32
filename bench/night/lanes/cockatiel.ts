/** For each model a bulkhead, a circuit and a time-out; the models one after the other, and a fallback after them. */
import { bulkhead, circuitBreaker, CountBreaker, fallback, handleAll, timeout, TimeoutStrategy, wrap } from "cockatiel"
import { canned, type Got, type MakeLane } from "../answers.ts"
import { circuit, limits } from "../guards.ts"
import { patience } from "../script.ts"
import { clientsOf } from "./openaiClients.ts"

const breaker = () =>
  new CountBreaker({
    threshold: circuit.failureRate,
    size: circuit.calls,
    minimumNumberOfCalls: circuit.minimumCalls
  })

export const make: MakeLane = (urls) => {
  const steps = clientsOf(urls).map((call, i) => {
    const { atOnce, attempt, openFor } = limits[i]!
    const guard = wrap(
      // Its queue has no longest wait, so that there is none.
      bulkhead(atOnce),
      circuitBreaker(handleAll, { halfOpenAfter: openFor, breaker: breaker() }),
      timeout(attempt, TimeoutStrategy.Aggressive)
    )
    return (question: string, whole: AbortSignal) => guard.execute(({ signal }) => call(question, signal), whole)
  })
  const inTurn = async (question: string, whole: AbortSignal): Promise<Got> => {
    let last: unknown
    for (const step of steps) {
      try {
        return await step(question, whole)
      } catch (error) {
        last = error
      }
    }
    throw last
  }
  const floor = wrap(fallback(handleAll, canned), timeout(patience, TimeoutStrategy.Aggressive))
  return (question) => floor.execute(({ signal }) => inTurn(question, signal))
}
