/** What clients and operators authenticate with: a token, or `sha256:` and its digest, so that a file need not have the token itself. */
import { hash } from "node:crypto"
import * as Redacted from "effect/Redacted"
import type { Problem } from "./problem.ts"
import type { Reader } from "./reader.ts"

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

const mark = "sha256:"
