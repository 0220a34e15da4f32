/** What clients and operators authenticate with: a token, or `sha256:` and its digest, so that a file need not have the token itself. */
import { hash } from "node:crypto"
import * as Redacted from "effect/Redacted"
import type { ClientToken } from "./model.ts"
import type { Problem } from "./problem.ts"
import { isGroup, type Reader, shown } from "./reader.ts"

/** A token is looked up by the whole of its digest: how long that takes tells nothing of the tokens there are. */
export const digestOf = (token: string): string => hash("sha256", token, "hex")

/** The digest of a token as a file has it. */
export const digestOfWritten = (token: Redacted.Redacted): string => {
  const text = Redacted.value(token) as string
  return text.startsWith(mark) ? text.slice(mark.length).toLowerCase() : digestOf(text)
}

export const tokenOf = (value: unknown, path: Problem["path"], reader: Reader): Redacted.Redacted | undefined => {
  const token = reader.secret(value, path)
  if (token === undefined) return undefined
  const text = Redacted.value(token) as string
  // Nobody can send any other: such as one out of a file, with the line break at its end.
  if (!/^[\x21-\x7e]+$/.test(text)) return reader.refuse(path, "Expected printable ASCII without spaces or line breaks")
  return !text.startsWith(mark) || /^[0-9a-f]{64}$/.test(digestOfWritten(token))
    ? token
    : reader.refuse(path, "Expected 64 hexadecimal digits after sha256:")
}

/** A token of a client, which may have an end: `{ token, expires }`. */
export const clientTokenOf = (value: unknown, path: Problem["path"], reader: Reader): ClientToken | undefined => {
  if (!isGroup(value)) {
    const token = tokenOf(value, path, reader)
    return token && { token, expires: undefined }
  }
  const given = reader.group(value, path, ["token", "expires"])
  const token = tokenOf(given.token, [...path, "token"], reader)
  const expires = timeOf(given.expires, [...path, "expires"], reader)
  return token && { token, expires }
}

/** Milliseconds since 1970. A text that leaves the zone open would be another time on each machine. */
const timeOf = (value: unknown, path: Problem["path"], reader: Reader): number | undefined => {
  const millis = typeof value === "string" && written.test(value) ? Date.parse(value) : NaN
  // Months have different lengths: a day that is not there would be one of the next month.
  const isThere = Number.isFinite(millis) && new Date(Date.parse(String(value).slice(0, 10))).toISOString().startsWith(
    String(value).slice(0, 10)
  )
  return isThere ? millis : reader.refuse(
    path,
    `Expected a day such as 2027-01-31, which is its beginning in UTC, or a time such as 2027-01-31T18:00:00Z, got ${
      shown(value)
    }`
  )
}

const written = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/

const mark = "sha256:"
