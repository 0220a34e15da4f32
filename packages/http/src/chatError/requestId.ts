/** The provider's id of a call, from the headers of its response. */
import * as Redact from "./redact.ts"

type Headers = Readonly<Record<string, string | undefined>>

/** The headers that hold it, most common first. */
const names = ["x-request-id", "request-id", "x-generation-id"]

export const requestIdOf = (headers: Headers, secrets: Redact.Secrets = Redact.none): string | undefined => {
  for (const name of names) {
    for (const field in headers) {
      if (field.toLowerCase() === name && headers[field] !== undefined)
        return Redact.redact(headers[field], secrets, 100)
    }
  }
  return undefined
}
