/** A hedged effect: what is made once, and how each run of it begins. */
import type { Deadline } from "../internal/runtime/expiry.ts"
import { type Admission, type AnyEffect, type AnyFiber, insidePrototype, passOn } from "../internal/runtime/guard.ts"
import { deadlineOf } from "../deadline/current.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import * as Clock from "effect/Clock"
import { HedgedCall } from "./call.ts"
import { classOf } from "./classOf.ts"
import { CurrentRepetition } from "./current.ts"
import { LoneCall } from "./loneCall.ts"
import type { Hedging } from "./hedging.ts"

/** One call, as what the fiber evaluates next. `deadline` is the one around it. */
export const hedgedAt = (
  hedging: Hedging,
  fiber: AnyFiber,
  outer: Admission | undefined,
  deadline: Deadline | undefined = deadlineAround(fiber)
): AnyEffect => {
  const { machine, primary } = hedging
  machine.called()
  if (machine.rules.delay === Infinity) return passOn(outer, primary, fiber)
  if (fiber.getRef(CurrentRepetition) === "unsafe") {
    machine.refuse("unsafe")
    return passOn(outer, primary, fiber)
  }
  const of = classOf(machine, fiber)
  const delay = machine.delayOf(of)
  if (delay !== undefined) return new HedgedCall(hedging, of, delay, fiber, outer, deadline).run(deadline)
  machine.refuse("samples")
  return new LoneCall(machine, of, fiber, deadline).around(primary, fiber, outer)
}

const deadlineAround = (fiber: AnyFiber): Deadline | undefined => {
  const clock = fiber.getRef(Clock.Clock)
  return deadlineOf(fiber, clock, monotonicMillis(clock))
}

interface Hedged extends AnyEffect {
  readonly hedging: Hedging
}

const HedgedProto = insidePrototype<Hedged>(
  "Switchgear.hedge",
  ({ hedging }, fiber, outer) => hedgedAt(hedging, fiber, outer),
  function(fiber) {
    return hedgedAt(this.hedging, fiber, undefined)
  }
)

const Hedged = function(this: { hedging: Hedging }, hedging: Hedging) {
  this.hedging = hedging
} as unknown as new(hedging: Hedging) => Hedged
Hedged.prototype = HedgedProto

/** An effect of which further runs are started as the machine says. */
export const hedged = (hedging: Hedging): AnyEffect => new Hedged(hedging)
