/** Errors that come without a response, as this library tells them to other programs: see `ChatError.toResponse`. */
import * as Failures from "./failures.ts"
import { Phase, timeOutCodes } from "./fields.ts"

type Fields = Pick<Failures.Truncated, "provider" | "model" | "status" | "retryAfter">

/** The error of one of those codes. What came with the word not to try again is not worth another try here either. */
export const ownError = (code: string | undefined, given: Fields, forbidsRetry: boolean) => {
  const fields = { ...given, ...forbidsRetry && { isRetryable: false } }
  const status = code === undefined ? undefined : statuses.get(code)
  if (code === undefined || status === undefined || status !== fields.status) return undefined
  switch (code) {
    case "connect_failed":
      return new Failures.ConnectFailed({
        ...fields,
        host: fields.provider,
        advice: "Try again, or use another model."
      })
    case "truncated_reply":
      return new Failures.Truncated(fields)
    case "malformed_reply":
      return new Failures.MalformedReply({ ...fields, found: "something else", advice: "Use another model." })
    case "client_released":
      return new Failures.ClientReleased(fields)
    // The time of a guard: whose it was does not matter here, the model may have worked for as long.
    case "deadline_exceeded":
      return new Failures.TimedOut({ ...fields, phase: "total" })
    default: {
      const phase = Phase.literals.find((phase) => timeOutCodes[phase] === code)!
      return new Failures.TimedOut({ isRetryable: phase === "connect", ...fields, phase })
    }
  }
}

/** The statuses that they come with: with another one, a code may be that of somebody else. */
const statuses: ReadonlyMap<string, number> = new Map([
  ["connect_failed", 502],
  ["truncated_reply", 502],
  ["malformed_reply", 502],
  ["client_released", 500],
  ["deadline_exceeded", 504],
  ...Object.values(timeOutCodes).map((code) => [code, 504] as const)
])
