import * as Predicate from "effect/Predicate"
import type { Wait } from "./retryAfter.ts"

/** The fields in which a body tells how long to wait. */
const waitFields: Readonly<Record<string, Wait["unit"]>> = {
  retryDelay: "duration",
  quotaResetDelay: "duration",
  retry_after: "seconds",
  retryAfter: "seconds",
  retry_after_seconds: "seconds",
  retryAfterSeconds: "seconds",
  resets_in_seconds: "seconds",
  reset_after_seconds: "seconds",
  resets_in: "seconds",
  reset_seconds: "seconds",
  wait_seconds: "seconds",
  estimated_time: "seconds",
  retry_after_ms: "millis",
  retryAfterMs: "millis",
  resets_at: "instant",
  reset_at: "instant",
  resetAt: "instant",
  resetsAt: "instant",
  reset_time: "instant",
  quotaResetTimeStamp: "instant"
}

/** Objects inside of an error that tell more of it. */
const inside = ["metadata", "details", "data", "extra", "parameters"]

/** The waits that an object of a body tells, or one inside of it. */
export const waitsOf = (object: Readonly<Record<string, unknown>>): ReadonlyArray<Wait> => {
  const waits: Array<Wait> = []
  for (const from of [object, ...inside.map((field) => object[field])]) {
    if (!Predicate.isReadonlyObject(from)) continue
    for (const [field, unit] of Object.entries(waitFields)) {
      const value = Object.hasOwn(from, field) ? from[field] : undefined
      if (typeof value === "string" || typeof value === "number") waits.push({ unit, value: String(value) })
      // A duration of Google as its library writes it.
      else if (Predicate.isReadonlyObject(value) && unit === "duration") {
        waits.push({ unit: "seconds", value: String(value["seconds"]) })
      }
    }
  }
  return waits
}
