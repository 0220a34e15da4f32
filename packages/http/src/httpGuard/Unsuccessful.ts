/** An attempt that has a response which says that it failed. Inside the guards it is an error; outside, it is the response. */
import * as Outcome from "@switchgear/core/Outcome"
import type * as Duration from "effect/Duration"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"

export class Unsuccessful {
  readonly _tag = "Unsuccessful"
  readonly response: HttpClientResponse.HttpClientResponse
  readonly retryAfter: Duration.Duration | undefined

  constructor(response: HttpClientResponse.HttpClientResponse, retryAfter: Duration.Duration | undefined) {
    this.response = response
    this.retryAfter = retryAfter
  }
}

/** 408, 429 and all of 500 and above, as in Polly's standard handler. */
export const isUnsuccessful = (status: number): boolean => status === 408 || status === 429 || status >= 500

/** A rate limit is no fault of the server, and what the caller has written wrong says nothing about it. */
export const classify: Outcome.Classify = (exit) => {
  const outcome = Outcome.fromExit(exit)
  if (exit._tag === "Success" || outcome !== Outcome.failure) return outcome
  for (const reason of exit.cause.reasons) {
    if (reason._tag !== "Fail") continue
    const { error } = reason
    if (error instanceof Unsuccessful) return error.response.status === 429 ? Outcome.ignored : Outcome.failure
    if (isOfCaller(error)) return Outcome.ignored
  }
  return outcome
}

const ofCaller: ReadonlySet<unknown> = new Set(["EncodeError", "InvalidUrlError"])

/** Whether the request could not be sent as it is. */
export const isOfCaller = (error: unknown): boolean => {
  const { _tag, reason } = error as { readonly _tag?: unknown; readonly reason?: { readonly _tag?: unknown } }
  return _tag === "HttpClientError" && ofCaller.has(reason?._tag)
}
