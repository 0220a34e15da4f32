/** The key of an answer: a digest of everything it can depend on, whatever the order of the fields. */
import * as Predicate from "effect/Predicate"
import type * as ChatModel from "../ChatModel.ts"
import { SealedRequest } from "../chatRequest/sealedRequest.ts"
import { noTenant } from "../costLedger/currentTenant.ts"
import { sha256 } from "./sha256.ts"

/** The key of a request. Cascades within cascades ask for it again, so that a sealed one keeps it. */
export const cacheKey = (request: ChatModel.Request): string => {
  const sealed = SealedRequest.find(request)
  return sealed === undefined ? digest(request) : sealed.key ??= digest(request)
}

/** The key of a tenant. No two tenants have the same, whatever their keys are; without a tenant it is the key itself. */
export const keyOfTenant = (tenant: string, key: string): string =>
  tenant === noTenant ? key.replace(/^\[/, "[[") : `${JSON.stringify([tenant])}${key}`

const digest = (request: ChatModel.Request): string => {
  // How a reply is delivered does not change what it says.
  const { stream: _, stream_options: __, ...relevant } = request
  return sha256(JSON.stringify(sorted(relevant)))
}

/** The same JSON with the fields of all its objects in order. */
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (!Predicate.isReadonlyObject(value)) return value
  return Object.fromEntries(Object.keys(value).sort().map((field) => [field, sorted(value[field])]))
}
