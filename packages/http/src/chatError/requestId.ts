/** The provider's id of a call, from the headers of its response. */
import type * as Redact from "./redact.ts"

type Headers = Readonly<Record<string, string | undefined>>

/** The headers that hold it, most common first. */
const names = ["x-request-id", "request-id", "x-generation-id"]

export const requestIdOf = (headers: Headers): Redact.Raw => {
  for (const name of names) {
    for (const field in headers) {
      if (field.toLowerCase() === name && headers[field] !== undefined) return { text: headers[field], limit: 100 }
    }
  }
  return { text: undefined, limit: 100 }
}
