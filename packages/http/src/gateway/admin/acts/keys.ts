/** What operators may do to the keys of a provider. A key is named by its label or its place, and never shown. */
import { formatDuration } from "@switchgear/core/runtime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { connectionOf } from "../../../chatClient/client.ts"
import * as KeyRing from "../../../chatClient/keyRing.ts"
import type { Running } from "../model.ts"
import { type Actor, noted } from "./note.ts"

/** Whether there is such a key. A client that was wrapped has none that can be parked. */
const on = (
  running: Running,
  provider: string,
  key: string,
  act: string,
  actor: Actor,
  run: (ring: KeyRing.KeyRing, now: number) => boolean
): Effect.Effect<boolean> => {
  const client = running.providers.get(provider)
  const ring = client && connectionOf(client)?.calls.ring
  return Effect.flatMap(KeyRing.now, (now) =>
    ring?.read(now).some((state) => state.key === key)
      ? noted(running, act, `Provider ${provider} ${key}`, actor, Effect.sync(() => run(ring, now)))
      : Effect.succeed(false))
}

/** Without a duration, until it is unparked. */
export const parkKey = (
  running: Running,
  provider: string,
  key: string,
  duration: Duration.Duration | undefined,
  actor: Actor
): Effect.Effect<boolean> =>
  on(
    running,
    provider,
    key,
    duration === undefined ? "park" : `park for ${formatDuration(duration)}`,
    actor,
    (ring, now) => ring.park(key, duration === undefined ? Infinity : Duration.toMillis(duration), now)
  )

export const unparkKey = (running: Running, provider: string, key: string, actor: Actor): Effect.Effect<boolean> =>
  on(running, provider, key, "unpark", actor, (ring) => ring.unpark(key))
