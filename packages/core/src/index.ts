export * as CircuitBreaker from "./CircuitBreaker.ts"
export * as Outcome from "./Outcome.ts"
