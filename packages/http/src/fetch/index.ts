export { guard } from "./guard.ts"
export { GuardedFetchError } from "./GuardedFetchError.ts"
export { guardedFetch } from "./guardedFetch.ts"
export type { MiddlewareOptions, ModelMiddleware, NamedModel } from "./middleware.ts"
export type {
  CircuitState,
  FetchHealth,
  FetchTransition,
  GuardedFetch,
  Guards,
  TargetControl,
  TargetHealth
} from "./model.ts"
export type { ClientOptions, LangChainOptions } from "./presets.ts"
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
