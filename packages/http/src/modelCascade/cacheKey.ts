/** The key of an answer: a digest of everything it can depend on, whatever the order of the fields. */
import * as Predicate from "effect/Predicate"
import type * as ChatModel from "../ChatModel.ts"
import { SealedRequest } from "../chatRequest/sealedRequest.ts"
import { noTenant } from "../costLedger/currentTenant.ts"
import { sha256 } from "./sha256.ts"

/** The key of a request. Cascades within cascades ask for it again, so that a sealed one keeps it. */
export const cacheKey = (request: ChatModel.Request): string => {
  const sealed = SealedRequest.find(request)
  return sealed === undefined ? digest(request) : sealed.key ??= digest(request, sealed.numbers)
}

/** The key of a tenant. No two tenants have the same, whatever their keys are; without a tenant it is the key itself. */
export const keyOfTenant = (tenant: string, key: string): string =>
  tenant === noTenant ? key.startsWith("[") ? `[${key}` : key : `${JSON.stringify([tenant])}${key}`

/** Requests that differ only in what is rounded of their numbers are told apart by these. */
const digest = (request: ChatModel.Request, numbers: ReadonlyArray<string> = none): string =>
  sha256(JSON.stringify(fieldsInOrder(request as object, delivery)) + numbers.join())

/** How a reply is delivered does not change what it says. */
const delivery: ReadonlyArray<string> = ["stream", "stream_options"]

/** A value with the fields of all its objects in order. It is written as a whole, which is sooner than piece by piece. */
const ordered = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(ordered)
    : Predicate.isReadonlyObject(value)
    ? fieldsInOrder(value, none)
    // A function is no JSON, least of all one by which an object would write itself.
    : typeof value === "function"
    ? undefined
    : value

const none: ReadonlyArray<string> = []

const fieldsInOrder = (given: object, leftOut: ReadonlyArray<string>): object => {
  const value = given as Readonly<Record<string, unknown>>
  const copy: { [field: string]: unknown } = {}
  for (const field of sorted(Object.keys(value))) {
    if (leftOut.includes(field)) continue
    if (field === "__proto__") Object.defineProperty(copy, field, { value: ordered(value[field]), enumerable: true })
    else copy[field] = ordered(value[field])
  }
  return copy
}

/** Most objects have a few fields, which are in order sooner without a copy of the list. */
const sorted = (fields: Array<string>): ReadonlyArray<string> => {
  if (fields.length > few) return fields.sort()
  for (let i = 1; i < fields.length; i++) {
    const field = fields[i]!
    let at = i
    for (; at > 0 && fields[at - 1]! > field; at--) fields[at] = fields[at - 1]!
    fields[at] = field
  }
  return fields
}

const few = 16
