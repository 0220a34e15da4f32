/** Errors that come without a response, as this library tells them to other programs: see `ChatError.toResponse`. */
import * as Failures from "./failures.ts"
import { Phase, timeOutCodes } from "./fields.ts"

type Fields = Pick<Failures.Truncated, "provider" | "model" | "status" | "retryAfter">

/** The error of one of those codes. */
export const ownError = (code: string | undefined, fields: Fields) => {
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
    default: {
      const phase = Phase.literals.find((phase) => timeOutCodes[phase] === code)!
      return new Failures.TimedOut({ ...fields, phase, isRetryable: phase === "connect" })
    }
  }
}

/** The statuses that they come with: with another one, a code may be that of somebody else. */
const statuses: ReadonlyMap<string, number> = new Map([
  ["connect_failed", 502],
  ["truncated_reply", 502],
  ["malformed_reply", 502],
  ["client_released", 500],
  ...Object.values(timeOutCodes).map((code) => [code, 504] as const)
])
