/** What a program in virtual time does and waits for, in words. */
import type * as Fiber from "effect/Fiber"
import type { Piece } from "./pendingWork.ts"
import { withPlace } from "./trace.ts"
import type { VirtualTime } from "./virtualTime.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** `why` says what may be wrong; without it, time stands still, and it is found out why. */
export const describe = (time: VirtualTime, roots: ReadonlyArray<AnyFiber>, why?: string): string => {
  const { ranLast, isBusy } = time.scheduler
  const sleeping = time.sleeping(shown)
  const asleep = new Set(time.sleeping(Infinity).map(({ fiber }) => fiber))
  const waiting = familyOf(roots).filter((fiber) => !asleep.has(fiber) && !(isBusy && fiber === ranLast))
  const pending = time.work.all.filter(({ wait }) => wait !== "none")
  const besides = time.work.all.filter(({ wait }) => wait === "none")
  return [
    ranLast && `Ran last: ${fiberName(ranLast)}${ranLast.pollUnsafe() === undefined ? "" : ", which has ended"}.`,
    listed("Waits", waiting.map(fiberName)),
    listed(
      "Asleep",
      sleeping.map(({ at, fiber }) => `${fiber ? fiberName(fiber) : "a callback"} until ${at} ms`),
      time.sleepingCount
    ),
    listed("Has not ended", pending.map(pieceName)),
    listed("Has not ended, and is not waited for", besides.map(pieceName)),
    why ?? advice(time, pending)
  ].filter((line) => line !== undefined).join("\n")
}

const advice = (time: VirtualTime, pending: ReadonlyArray<Piece>): string => {
  if (time.hasEnded)
    return "The effect has ended, and its time stands still from then on: what outlives it must not sleep."
  if (!time.isWanted)
    return "Move the clock with TestClock.adjust, or use VirtualClock.play, in which time moves by itself."
  if (time.scheduler.isBusy) {
    return "Time moves when all fibers rest, and these do not: a loop that only yields must sleep instead."
  }
  if (pending.length > 0) {
    return "Time waits for this work of the process. An effect in VirtualClock.hold must not sleep in virtual time."
  }
  return "No fiber can go on in virtual time. They wait for the real world, such as a response or a timer of another " +
    "runtime (Effect.runPromise inside of the program), or for something that never comes."
}

/** In a line; some of them, when there are many. */
const listed = (title: string, names: ReadonlyArray<string>, count = names.length): string | undefined => {
  if (count === 0) return undefined
  const further = count - Math.min(shown, names.length)
  return `${title}: ${names.slice(0, shown).join("; ")}${further > 0 ? `; and ${further} more` : ""}.`
}

const shown = 5

const pieceName = ({ begun, what }: Piece): string => withPlace(what, begun)

const fiberName = ({ cache: { span, stackFrame }, id }: AnyFiber): string => {
  const name = span?._tag === "Span" ? span.name : stackFrame?.name
  const place = /[^\s(]+:\d+:\d+/.exec(stackFrame?.stack() ?? "")?.[0]
  return `fiber #${id}${name === undefined ? "" : ` in span "${name}"`}${place === undefined ? "" : ` at ${place}`}`
}

/** The fibers that have not ended, with their children. */
const familyOf = (roots: ReadonlyArray<AnyFiber>): ReadonlyArray<AnyFiber> => {
  const family = new Set<AnyFiber>()
  const add = (fiber: AnyFiber): void => {
    if (fiber.pollUnsafe() !== undefined || family.has(fiber)) return
    family.add(fiber)
    for (const child of (fiber as Parent)._children ?? []) add(child)
  }
  for (const root of roots) add(root)
  return [...family]
}

/** Effect keeps the children of a fiber for its own use; without them, only the roots are told. */
type Parent = AnyFiber & { readonly _children?: Iterable<AnyFiber> | undefined }
