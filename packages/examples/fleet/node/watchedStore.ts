/** The store of the fleet as it is, with a diary of when which message was answered, and when which change was heard of. */
import { ClusterStore } from "@switchgear/core/ClusterStore"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { now } from "../clock.ts"
import type { Played } from "../messages.ts"

export class StoreDiary {
  readonly answers: Array<Played["answers"][number]> = []
  private readonly heard = new Map<number, { askedAt?: number; pushedAt?: number }>()

  answered(sentAt: number): void {
    this.answers.push({ sentAt, at: now() })
  }

  told(epoch: number, askedAt: number): void {
    this.at(epoch).askedAt ??= askedAt
  }

  pushed(epoch: number): void {
    this.at(epoch).pushedAt ??= now()
  }

  get epochs(): Played["epochs"] {
    return Array.from(this.heard, ([epoch, times]) => ({ epoch, ...times }))
  }

  private at(epoch: number): { askedAt?: number; pushedAt?: number } {
    const known = this.heard.get(epoch) ?? {}
    this.heard.set(epoch, known)
    return known
  }
}

export const watched = (diary: StoreDiary): Layer.Layer<ClusterStore, never, ClusterStore> =>
  Layer.effect(
    ClusterStore,
    Effect.map(ClusterStore, (store) => ({
      ...store,
      circuits: (call) =>
        Effect.suspend(() => {
          const sentAt = now()
          return Effect.tap(store.circuits(call), ({ circuits }) =>
            Effect.sync(() => {
              diary.answered(sentAt)
              for (const answer of circuits) if (answer._tag === "State") diary.told(answer.epoch, sentAt)
            }))
        }),
      subscribe: Effect.map(store.subscribe, Stream.tap(({ epoch }) => Effect.sync(() => diary.pushed(epoch))))
    }))
  )
