export { fallback } from "./fallback.ts"
export type { FallbackModel, FallbackOptions, FallbackStep } from "./fallbackModel.ts"
export { guard } from "./guard.ts"
export { guardedFetch } from "./guardedFetch.ts"
export { GuardedFetchError } from "./GuardedFetchError.ts"
export type { FunctionOptions, Guarded } from "./guardFunction.ts"
export type { MiddlewareOptions, ModelMiddleware } from "./middleware.ts"
export type {
  CircuitState,
  ExportedState,
  FetchHealth,
  FetchTransition,
  GuardedFetch,
  Guards,
  NamedModel,
  RestoredState,
  Streamed,
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
export type { ClientOptions, LangChainOptions } from "./presets.ts"
