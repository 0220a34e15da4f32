/** Throttles as `SavedState` saves and restores them. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { SavedWindow } from "../internal/data/savedWindow.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import type { Saving } from "../registry/kind.ts"
import type { ThrottleMachine } from "./machine.ts"
import type { AdaptiveThrottle } from "./model.ts"

const machines = new WeakMap<AdaptiveThrottle, ThrottleMachine>()

/** Notes what a throttle of users is made of. */
export const noteThrottle = (made: AdaptiveThrottle, machine: ThrottleMachine): AdaptiveThrottle => {
  machines.set(made, machine)
  return made
}

/** Calls that were not answered are its failures; those that were rejected were slow as well. */
const SavedThrottle = Schema.Struct({ window: SavedWindow })

const throttleIn = Schema.decodeUnknownOption(SavedThrottle)

export const saving: Saving<AdaptiveThrottle> = {
  save: (made, clock) => {
    const machine = machines.get(made)
    return machine && { window: machine.save(monotonicMillis(clock)) }
  },
  restore: (made, saved, age, clock) => {
    const machine = machines.get(made)
    if (machine === undefined) return "not-saved"
    const read = Option.getOrUndefined(throttleIn(saved))
    if (read === undefined) return "malformed"
    if (!machine.fits(read.window)) return "other-options"
    if (!machine.isFresh) return "in-use"
    machine.restore(read.window, monotonicMillis(clock) - age)
    return "restored"
  }
}
