/**
 * The calls that are in flight. Nothing of a call is kept once it has ended. A `Set` would keep it: each table that a `Set`
 * has outgrown leads to the next one and to all that stood in both, until the whole heap is collected.
 */
import type * as Fiber from "effect/Fiber"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** A call in flight. */
export interface Call {
  readonly fiber: AnyFiber
  /** Where it stands among all. */
  place: number
}

export class InFlight {
  private readonly calls: Array<Call> = []

  /** Those that are in flight now. */
  get fibers(): ReadonlyArray<AnyFiber> {
    return this.calls.map(({ fiber }) => fiber)
  }

  add(fiber: AnyFiber): Call {
    const call = { fiber, place: this.calls.length }
    this.calls.push(call)
    return call
  }

  /** The last one takes its place. To be called once for each. */
  remove({ place }: Call): void {
    const last = this.calls.pop()!
    if (last.place === place) return
    last.place = place
    this.calls[place] = last
  }
}
