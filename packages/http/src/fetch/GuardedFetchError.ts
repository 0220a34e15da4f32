/** What a guard tells as an error. */

/**
 * A guard refused a call, or ended it: its `code` says why. The message has no prompt, no key and no path.
 *
 * | `code`                                                                              | Why                             |
 * | ----------------------------------------------------------------------------------- | ------------------------------- |
 * | `circuit_open`                                                                      | the circuit is open             |
 * | `bulkhead_full`                                                                     | too many calls run and wait     |
 * | `rate_limit_exceeded`                                                               | too many calls began, or a 429 has paused the target |
 * | `deadline_exceeded`                                                                 | the deadline, or the time of an attempt, is over     |
 * | `first_content_timeout`, `idle_timeout`, `reader_timeout`                           | a time-out of a body            |
 * | `truncated_reply`                                                                   | a stream has ended without its end                   |
 * | `closed`                                                                            | the guarded fetch was disposed of                    |
 *
 * @category errors
 * @since 0.1.0
 */
export class GuardedFetchError extends Error {
  override readonly name = "GuardedFetchError"
  readonly code: string
  /** The status with which `onRefused: "respond"` answers. */
  readonly status: number
  /** Whether the same request may succeed later. */
  readonly isRetryable: boolean
  /** Milliseconds until it may, where that is known. */
  readonly retryAfter: number | undefined

  constructor(
    message: string,
    fields: {
      readonly code: string
      readonly status: number
      readonly isRetryable: boolean
      readonly retryAfter?: number | undefined
    }
  ) {
    super(message)
    this.code = fields.code
    this.status = fields.status
    this.isRetryable = fields.isRetryable
    this.retryAfter = fields.retryAfter
  }
}
