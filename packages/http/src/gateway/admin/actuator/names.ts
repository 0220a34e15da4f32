/** `/actuator/ratelimiters` and its like: the names of the guards of one kind. */
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as Deadline from "@switchgear/core/Deadline"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Retry from "@switchgear/core/Retry"
import * as Effect from "effect/Effect"
import type { AdminRoute } from "../model.ts"
import { reading } from "./answers.ts"

const listed = (path: string, member: string, tag: string): AdminRoute =>
  reading(path, (_, { registry }) =>
    Effect.sync(() => ({
      json: { [member]: registry.entries().filter(({ kind }) => kind.tag === tag).map(({ id }) => id).toSorted() }
    })))

export const nameRoutes: ReadonlyArray<AdminRoute> = [
  listed("/ratelimiters", "rateLimiters", RateLimiter.kind.tag),
  listed("/retries", "retries", Retry.kind.tag),
  listed("/bulkheads", "bulkheads", Bulkhead.kind.tag),
  listed("/timelimiters", "timeLimiters", Deadline.kind.tag)
]
