/** What a part of a file says, in one text: two that are equal say the same. Secrets are told by their digest. */
import { createHash } from "node:crypto"
import * as Redacted from "effect/Redacted"

export const saidBy = (...parts: ReadonlyArray<unknown>): string =>
  JSON.stringify(parts, function(this: { readonly [field: string]: unknown }, field, value: unknown) {
    // What is written of a secret is the same for all.
    const given = this[field]
    return Redacted.isRedacted(given) ? digestOf(given) : inOrder(value)
  })

const digestOf = (secret: Redacted.Redacted<unknown>): string =>
  createHash("sha256").update(String(Redacted.value(secret))).digest("hex")

/** The order in which keys are written says nothing. */
const inOrder = (value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : 1))
    : value
