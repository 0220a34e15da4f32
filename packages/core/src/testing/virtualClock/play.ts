/** Runs an effect in virtual time that moves by itself. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scheduler from "effect/Scheduler"
import { describe } from "./describe.ts"
import type { Made } from "./made.ts"
import { inWork } from "./owners.ts"
import { CurrentWork } from "./pendingWork.ts"
import { Watch } from "./watch.ts"

export const playIn = <A, E, R>(
  { stuckAfter, time, watchOutside, whenStill }: Made,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiber((outside) =>
    Effect.callback<A, E>((resume) => {
      let tell: (exit: Exit.Exit<A, E>) => void = resume
      let stuck: Exit.Exit<never> | undefined
      const end = (exit: Exit.Exit<A, E>): void => {
        time.stop()
        watch.stop()
        // A fiber that outlives the effect may sleep.
        time.onUse = () => watch.start()
        stopOutside()
        tell(stuck ?? exit)
      }
      const giveUp = (error: Error): void => {
        if (stuck !== undefined) {
          // The interrupted effect does not end either.
          end(stuck)
        } else {
          stuck = Exit.die(error)
          inside.interruptUnsafe(outside.id)
        }
      }
      const stopOutside = watchOutside()
      time.onFault = (error) => {
        if (stuck === undefined) giveUp(error)
      }
      time.start(() => {
        if (whenStill === "wait") return false
        giveUp(new Error(`${stuckMessage}\n${describe(time, [inside])}`))
        return true
      })
      const context = (outside.context as Context.Context<R>).pipe(
        Context.add(Clock.Clock, time),
        Context.add(Scheduler.Scheduler, time.scheduler),
        Context.add(CurrentWork, time.work)
      )
      // It starts in a turn of its own, not inside the fiber that waits for it.
      const inside = inWork(
        time.work,
        () => Effect.runForkWith(context)(Effect.andThen(Effect.yieldNow, effect))
      )
      time.scheduler.root = inside
      const watch = new Watch({
        time,
        stuckAfter,
        context: outside.context,
        roots: () => [inside],
        giveUp
      })
      watch.start()
      inside.addObserver(end)
      return Effect.callback<void>((done) => {
        // Also called when the effect has ended with an interruption of its own.
        if (inside.pollUnsafe() !== undefined) return done(Effect.void)
        tell = (exit) => done(defectsOf(exit))
        inside.interruptUnsafe(outside.id)
      })
    })
  )

const stuckMessage =
  "VirtualClock.play: the effect can never end: all its fibers wait, none of them for time, and with promises \"none\" " +
  "nothing else can wake them. If they wait for promises or callbacks, play it with promises \"settle\"."

// The caller interrupted the effect and needs no report of that; a defect that the interruption revealed is reported.
const defectsOf = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<void> => {
  const defects = exit._tag === "Success" ? [] : exit.cause.reasons.filter(Cause.isDieReason)
  return defects.length === 0 ? Exit.void : Exit.failCause(Cause.fromReasons(defects))
}
