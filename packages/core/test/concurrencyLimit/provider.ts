/**
 * The provider that algorithms are measured against: chat and long reasoning, answered token by token, by a server with 40
 * slots' worth of speed. The same calls come whatever the algorithm does: each is drawn when it arrives.
 */
import { SimulatedService } from "@switchgear/core/testing"
import { type Cause, Data, Effect } from "effect"
import type { Random } from "effect/Random"

/** What happens above the capacity: tokens slow down and calls queue; calls queue; all slow down. */
export type Kind = "vllm" | "slots" | "ps"

export interface Request {
  /** 0 is chat, 1 is long reasoning. */
  readonly class: 0 | 1
  /** The milliseconds of work until the first token, and until the last. */
  readonly firstToken: number
  readonly total: number
  readonly outputTokens: number
  /** How long its caller waits, in milliseconds. */
  readonly patience: number
}

const millisPerToken = 8

const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.nextDoubleUnsafe())) * Math.cos(2 * Math.PI * random.nextDoubleUnsafe())

/** Log-normal around a median. */
const around = (random: Random, median: number, sigma: number): number => median * Math.exp(sigma * normal(random))

export const requestOf = (longShare: number, random: Random): Request => {
  const isLong = random.nextDoubleUnsafe() < longShare
  const inputTokens = isLong ? around(random, 3000, 0.5) : around(random, 400, 0.6)
  const outputTokens = isLong ? Math.min(8000, around(random, 1500, 0.7)) : Math.min(1000, around(random, 120, 0.7))
  const prefill = (150 + inputTokens * 0.3) * Math.exp(0.2 * normal(random))
  // One call in a hundred is a straggler.
  const firstToken = prefill + (random.nextDoubleUnsafe() < 0.01 ? around(random, 3000, 0.5) : 0)
  const total = firstToken + outputTokens * millisPerToken * Math.exp(0.1 * normal(random))
  return { class: isLong ? 1 : 0, firstToken, total, outputTokens, patience: isLong ? 60_000 : 10_000 }
}

/** Too many calls wait. */
export class Overloaded extends Data.TaggedError("Overloaded")<{ readonly status: 503 }> {}

export type Failure = Overloaded | Cause.TimeoutError

export interface Behaviour {
  readonly capacity: number
  readonly speed: number
}

export interface Provider {
  /** Runs `firstToken` when the answer begins. */
  readonly call: (request: Request, firstToken: Effect.Effect<void>) => Effect.Effect<void, Failure>
  readonly set: (behaviour: Behaviour) => void
}

export const makeProvider = (kind: Kind, behaviour: Behaviour): Provider => {
  const place = SimulatedService.workplace("provider", capacityOf(kind, behaviour))
  return {
    call: (request, firstToken) =>
      Effect.withFiber<void, Overloaded>((fiber) => {
        const slot = place.open(fiber)
        if (slot === undefined) return Effect.delay(new Overloaded({ status: 503 }), 100)
        return slot.ready.pipe(
          Effect.andThen(slot.work(request.firstToken)),
          Effect.andThen(firstToken),
          Effect.andThen(slot.work(request.total - request.firstToken)),
          Effect.ensuring(Effect.sync(() => slot.leave()))
        )
      }).pipe(Effect.timeout(request.patience)),
    set: (behaviour) => place.setCapacity(capacityOf(kind, behaviour))
  }
}

const capacityOf = (kind: Kind, { capacity, speed }: Behaviour) => {
  switch (kind) {
    case "vllm":
      return { concurrency: capacity, above: "slows", slots: 2 * capacity, waiting: 160, speed } as const
    case "slots":
      return { concurrency: capacity, above: "queue", waiting: 160, speed } as const
    case "ps":
      return { concurrency: capacity, above: "slows", speed } as const
  }
}
