/** What the AI SDK is thrown after the guards have tried again. */
import { GuardedFetchError } from "./GuardedFetchError.ts"

/** The same error, which the AI SDK does not try again. It tries none of the guards'. */
export const notRetried = (error: unknown): unknown => {
  try {
    return error instanceof Error && "isRetryable" in error && !(error instanceof GuardedFetchError)
      ? Object.create(error, { isRetryable: { value: false, enumerable: true } })
      : error
  } catch {
    // It cannot be read, by the AI SDK neither.
    return error
  }
}
