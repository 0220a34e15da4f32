export { GuardedFetchError } from "./GuardedFetchError.ts"
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
