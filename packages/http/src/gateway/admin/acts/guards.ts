/** What operators may do to limiters, bulkheads and caches, and to the gateway as a whole. */
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as ConcurrencyLimit from "@switchgear/core/ConcurrencyLimit"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import type * as Registry from "@switchgear/core/Registry"
import { formatDuration } from "@switchgear/core/runtime"
import * as StaleCache from "@switchgear/core/StaleCache"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Running } from "../model.ts"
import { type Actor, noted } from "./note.ts"

/** Runs an act on the guard of an id, and reads it then; undefined where there is none. */
const on = <Self, S>(
  running: Running,
  kind: Registry.Kind<Self, S>,
  id: string,
  act: string,
  actor: Actor,
  run: (guard: Self) => Effect.Effect<void>
): Effect.Effect<Registry.Snapshot<S> | undefined> => {
  const found = running.registry.find(kind.tag, id)
  if (found === undefined) return Effect.undefined
  const guard = found.guard as Self
  return Effect.andThen(
    noted(running, act, `${kind.tag} ${id}`, actor, run(guard)),
    Effect.map(kind.snapshot(guard), (snapshot) => ({
      kind: kind.tag,
      id,
      critical: found.critical ?? true,
      snapshot
    }))
  )
}

export const pauseLimiter = (running: Running, id: string, duration: Duration.Duration, actor: Actor) =>
  on(running, RateLimiter.kind, id, `pause for ${formatDuration(duration)}`, actor, ({ pause }) => pause(duration))

export const resumeLimiter = (running: Running, id: string, actor: Actor) =>
  on(running, RateLimiter.kind, id, "resume", actor, ({ resume }) => resume)

/** A model has a bulkhead, or a concurrency limit, which is pinned by that. */
export const resizeBulkhead = (
  running: Running,
  id: string,
  concurrency: number,
  actor: Actor
): Effect.Effect<Registry.Snapshot<Bulkhead.Snapshot> | undefined> =>
  running.registry.find(Bulkhead.kind.tag, id) === undefined
    ? on(running, ConcurrencyLimit.kind, id, `pin at ${concurrency}`, actor, ({ control }) => control.pin(concurrency))
    : on(running, Bulkhead.kind, id, `resize to ${concurrency}`, actor, ({ resize }) => resize(concurrency))

export const clearCache = (running: Running, id: string, actor: Actor) =>
  on(running, StaleCache.kind, id, "clear", actor, ({ clear }) => clear)

/** The next asking of each answer calls a model, and gets the kept answer if that fails. */
export const refreshCache = (running: Running, id: string, actor: Actor) =>
  on(running, StaleCache.kind, id, "refresh", actor, ({ expire }) => expire)

export const reload = (running: Running, actor: Actor) => noted(running, "reload", "file", actor, running.reload)
