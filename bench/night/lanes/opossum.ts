/** A circuit for each model, whose fallback is the next circuit. */
import CircuitBreaker from "opossum"
import { canned, type Got, type MakeLane } from "../answers.ts"
import { circuit, limits } from "../guards.ts"
import { clientsOf } from "./openaiClients.ts"

export const make: MakeLane = (urls) => {
  const breakers = clientsOf(urls).map((call, i) => {
    const { atOnce, attempt, openFor } = limits[i]!
    return new CircuitBreaker<Got, [question: string]>((question) => call(question), {
      capacity: atOnce,
      timeout: attempt,
      resetTimeout: openFor,
      errorThresholdPercentage: circuit.failureRate * 100,
      volumeThreshold: circuit.minimumCalls,
      rollingCountTimeout: 2000
    })
  })
  breakers.forEach((breaker, i) => {
    const next = breakers[i + 1]
    breaker.fallback((question) => next === undefined ? canned : next.fire(question))
  })
  return (question) => breakers[0]!.fire(question)
}
