/** What one request holds of its server, from its head until its response has been sent. */
import type { ErrorResponse } from "@switchgear/core/Outcome"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Admission } from "./admission.ts"
import type { Asked } from "./asked.ts"
import type { Reason } from "./model.ts"
import * as Refusals from "./refusals.ts"
import type { Settings } from "./settings.ts"
import { Slot } from "./slot.ts"

/** What all requests of a server share. */
export interface Shared {
  readonly settings: Settings
  readonly requests: Admission
  readonly bytes: Admission
  readonly counts: Counts
}

export interface Counts {
  taken: number
  timedOut: number
  readonly refused: Record<Reason, number>
}

/** Why a request is refused, as it is answered. */
export class Refused {
  readonly answer: ErrorResponse

  constructor(answer: ErrorResponse) {
    this.answer = answer
  }
}

export class Held {
  private readonly shared: Shared
  private readonly key: string
  private readonly priority: number
  private readonly left: number
  private readonly size: number
  private hasRoom = false
  private isBegun = false
  private slot: Slot | undefined
  private ended: Exit.Exit<unknown, unknown> | undefined

  constructor(shared: Shared, { key = "", left, length, priority = 0 }: Asked) {
    this.shared = shared
    this.key = key
    this.priority = priority
    this.left = left
    this.size = sizeOf(length, shared.settings)
  }

  /** Takes room, in one step, or says why there is none. */
  take(): Refused | undefined {
    const { key, priority, shared: { bytes, counts, requests, settings: { maxBytes } }, size } = this
    if (this.left <= 0) return this.refuse("deadline", Refusals.late)
    if (size > maxBytes) return this.refuse("too-large", Refusals.tooLarge(maxBytes))
    if (!requests.take(key, priority, 1)) return this.refuse("requests", Refusals.shed)
    if (!bytes.take(key, priority, size)) {
      requests.giveBack(key, priority, 1)
      return this.refuse("bytes", Refusals.shed)
    }
    this.hasRoom = true
    counts.taken++
    return undefined
  }

  /** Waits for a slot of the limit, if there is one. Gives the context that the work runs in. */
  enter(context: Context.Context<never>): Effect.Effect<Context.Context<never> | Refused> {
    const { limit } = this.shared.settings
    if (limit === undefined) return this.begun(context)
    this.slot = new Slot(limit)
    return Effect.matchEffect(this.slot.take(context), {
      onFailure: (error) => Effect.sync(() => this.refuse("limit", error.toResponse())),
      onSuccess: (inside) => this.begun(inside)
    })
  }

  /** How the work has ended, which the limit is told when the response has been sent. */
  end(exit: Exit.Exit<unknown, unknown>): void {
    this.ended = exit
  }

  /** The time of the request was over before its response was there. */
  timeOut(): void {
    const { counts } = this.shared
    if (this.isBegun) counts.timedOut++
    else counts.refused.deadline++
  }

  readonly giveBack = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { key, priority, shared: { bytes, requests }, size } = this
      if (this.hasRoom) {
        this.hasRoom = false
        requests.giveBack(key, priority, 1)
        bytes.giveBack(key, priority, size)
      }
      return this.slot?.giveBack(this.ended ?? exit) ?? Effect.void
    })

  private begun(context: Context.Context<never>): Effect.Effect<Context.Context<never>> {
    this.isBegun = true
    return Effect.succeed(context)
  }

  private refuse(reason: Reason, answer: ErrorResponse): Refused {
    this.shared.counts.refused[reason]++
    return new Refused(answer)
  }
}

/** Without a limit of bytes nothing is assumed: what is not finite could not be given back. */
const sizeOf = (length: number | undefined, { assumedBytes }: Settings): number =>
  length ?? (assumedBytes === Infinity ? 0 : assumedBytes)
