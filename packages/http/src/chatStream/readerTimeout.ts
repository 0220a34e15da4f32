/**
 * The time-out of the reader of a stream: a reader that does not read must not hold the slot of its call, nor a
 * connection of the provider, for ever.
 *
 * A part costs the stream two fields and no reading of a clock. The watch looks at them four times in the limit, so that
 * a reader has at least the limit, and at most a quarter more.
 */
import { monotonicMillis, startTimeout } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** How long a reader may take for a part where no option says. */
export const standard: Duration.Input = "5 minutes"

/** The limit of an option. Throws a `RangeError` that names it when it is not above zero. */
export const limitOf = (owner: string, input: Duration.Input = standard): Duration.Duration => {
  const limit = Duration.fromInput(input)
  if (limit._tag === "Some" && Duration.toMillis(limit.value) > 0) return limit.value
  throw new RangeError(`${owner}: readerTimeout must be a duration above zero, got ${String(input).slice(0, 100)}`)
}

const looks = 4

/** Whether the stream waits for its reader, and since how many looks. */
export class Reader {
  private isAwaited = true
  private looks = 0

  /** The reader asks for more. */
  asks(): void {
    this.isAwaited = false
  }

  /** The reader was given something, and has to ask again. */
  isGiven(): void {
    this.isAwaited = true
    this.looks = 0
  }

  /** Looks at the reader: whether it has stood still for the limit. */
  standsStill(): boolean {
    return this.isAwaited && ++this.looks > looks
  }
}

/** Waits for the effect, and calls `onExpire` once if the reader stands still before it ends. */
export const watching = (
  reader: Reader,
  limit: Duration.Duration,
  onExpire: () => void
) =>
<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const millis = Duration.toMillis(limit)
  return millis === Infinity ? self : Effect.withFiber((fiber) => {
    const watch = new Watch(reader, Math.ceil(millis / looks), fiber, onExpire)
    return Effect.onExitPrimitive(self, watch.stop)
  })
}

class Watch {
  private timeout: ReturnType<typeof startTimeout>
  private readonly reader: Reader
  private readonly interval: number
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private readonly onExpire: () => void

  constructor(reader: Reader, interval: number, fiber: Fiber.Fiber<unknown, unknown>, onExpire: () => void) {
    this.reader = reader
    this.interval = interval
    this.fiber = fiber
    this.onExpire = onExpire
    this.timeout = this.start()
  }

  readonly stop = (): undefined => {
    this.timeout.cancel(this.fiber)
    return undefined
  }

  private readonly look = (): void => {
    if (this.reader.standsStill()) this.onExpire()
    else this.timeout = this.start()
  }

  private start(): ReturnType<typeof startTimeout> {
    const clock = this.fiber.getRef(Clock.Clock)
    return startTimeout(this.fiber, clock, this.interval, monotonicMillis(clock) + this.interval, this.look)
  }
}
