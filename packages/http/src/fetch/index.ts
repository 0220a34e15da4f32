export { GuardedFetchError } from "./GuardedFetchError.ts"
export { guardedFetch } from "./guardedFetch.ts"
export type {
  CircuitState,
  FetchHealth,
  FetchTransition,
  GuardedFetch,
  Guards,
  TargetControl,
  TargetHealth
} from "./model.ts"
export type {
  BreakerOptions,
  BulkheadOptions,
  Fetch,
  GuardedFetchOptions,
  GuardOptions,
  LimitOptions,
  RateLimiterOptions,
  RetryOptions,
  Time
} from "./options.ts"
