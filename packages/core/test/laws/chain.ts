/** Guards and limits that stand directly around each other, and what is measured at their outer and inner end. */
import { Deadline } from "@switchgear/core"
import { Cause, Context, Effect, type Exit } from "effect"
import { maxWaits } from "./guards.ts"
import type { Tree } from "./program.ts"
import type { Call, Scene } from "./scene.ts"
import { told } from "./scene.ts"

type Any = Effect.Effect<unknown, unknown>

/** The time, by the account of the interpreter, by which the work inside must have ended. */
export const CurrentDue = Context.Reference<number>("@switchgear/core/test/laws/CurrentDue", {
  defaultValue: () => Infinity
})

// The guards around: a call that passes a circuit again, inside of a probe of it, is that probe.
const Inside = Context.Reference<ReadonlyArray<string>>("@switchgear/core/test/laws/Inside", { defaultValue: () => [] })

/** One link, from the outside in. */
export type Link =
  | { readonly _tag: "Guard"; readonly name: string; readonly protect: (self: Any) => Any }
  | { readonly _tag: "Limit"; readonly millis: number; readonly protect: (self: Any) => Any }

const waitOf = (link: Link): number => link._tag === "Guard" ? (maxWaits as Record<string, number>)[link.name] ?? 0 : 0

/** The links of a tree down to the first thing that is not one, and that thing. */
export const linksOf = (scene: Scene, tree: Tree): { readonly links: ReadonlyArray<Link>; readonly inner: Tree } => {
  const links: Array<Link> = []
  let inner = tree
  while (true) {
    const name = inner._tag === "Guard" ? scene.cast[inner.guard] : "pipeline"
    if (inner._tag === "Guard" && name !== "pipeline") {
      links.push({ _tag: "Guard", name, protect: protectOf(scene, name) })
    } else if (inner._tag === "Limit" && inner.limit !== "timeoutOrElse") {
      const { limit, millis } = inner
      links.push({
        _tag: "Limit",
        millis,
        protect: limit === "within" ? Deadline.within(millis) : Deadline.attempt(millis)
      })
    } else {
      return { links, inner }
    }
    inner = inner.inner
  }
}

type Protect = <A, E>(self: Effect.Effect<A, E>) => Effect.Effect<A, unknown>

const protectOf = ({ guards }: Scene, name: string): Protect => {
  const { breakers, bulkheads, family, limiters, ownGate } = guards
  const maxWait = (maxWaits as Record<string, number>)[name]!
  switch (name) {
    case "gate":
      return breakers.breaker.gate
    case "bulkheadBriefly":
      return bulkheads.bulkhead.protectWith({ maxWait })
    case "limitBriefly":
      return limiters.rateLimiter.protectWith({ costs: {}, maxWait })
    case "limitSettled":
      return limiters.rateLimiter.protectWith({ costs: { requests: 2 }, settle: () => ({ requests: 0 }) })
  }
  const plain: Record<string, { readonly protect: Protect }> = { ...breakers, ...bulkheads, ...limiters, ownGate }
  return name.startsWith("family") ? family.protect(name) : plain[name]!.protect
}

/**
 * Runs the work inside the links. `delay` is how long the work, when it is interrupted, may take to end by what it
 * contains itself.
 */
export const chained = (scene: Scene, links: ReadonlyArray<Link>, work: Any, delay: number): Any =>
  Effect.withFiber((fiber) => {
    const around = fiber.getRef(CurrentDue)
    const inside = fiber.getRef(Inside)
    const call = scene.call(links.map((link) => link._tag === "Guard" ? link.name : `limit ${link.millis}`))
    const inner = Effect.suspend(() => {
      begins(scene, call, links)
      const due = links.reduce(
        (due, link) => link._tag === "Limit" ? Math.min(due, scene.now + link.millis) : due,
        around
      )
      return work.pipe(
        Effect.provideService(CurrentDue, due),
        Effect.provideService(Inside, [...inside, ...call.names])
      )
    }).pipe(Effect.onExit((exit) =>
      Effect.sync(() => {
        call.endedNumber = scene.next(`the work of ${call.id} ${told(exit)}`)
        call.result = exit
        // With a limit in between, the caller is told in another fiber's step.
        if (links.every((link) => link._tag === "Guard")) scene.untold.add(call)
      })
    ))
    const guarded = links.reduceRight<Any>((self, link) => link.protect(self), inner)
    return Effect.onExit(guarded, (exit) =>
      Effect.sync(() => {
        scene.untold.delete(call)
        scene.next(`call ${call.id} ${told(exit)}`)
        scene.judge(`call ${call.id} of ${call.names.join()}`, exit)
        if (call.begunNumber === undefined && isCutShort(exit)) {
          for (const name of call.names) scene.cutShort[name] = (scene.cutShort[name] ?? 0) + 1
        }
        if (call.result !== undefined && isResult(exit, call.result)) {
          const failedAt = exit._tag === "Failure" ? scene.now : -Infinity
          for (const name of finishedIn(call, links, around, failedAt)) {
            if (!inside.includes(name)) scene.finished[name] = (scene.finished[name] ?? 0) + 1
          }
        }
        const due = dueOf(call, links, around)
        if (scene.now > due + delay + scene.clock.blocked) {
          scene.breaks(
            "a limit ends the call",
            `call ${call.id} of ${call.names.join()} should have ended at ${due} ms`
          )
        }
      }))
  })

/** Whether an interrupt or a limit ended a call. It may have been let go on, before the first step of its work. */
const isCutShort = (exit: Exit.Exit<unknown, unknown>): boolean =>
  exit._tag === "Failure" && exit.cause.reasons.some((reason) =>
    Cause.isInterruptReason(reason) ||
    (Cause.isFailReason(reason) && reason.error instanceof Deadline.DeadlineExceeded)
  )

/** Whether a call was told what its work came to. */
const isResult = (told: Exit.Exit<unknown, unknown>, result: Exit.Exit<unknown, unknown>): boolean => {
  if (told._tag === "Success" || result._tag === "Success") return told._tag === result._tag
  const [reason] = told.cause.reasons
  // A total deadline that was short says nothing about what is called.
  return reason !== undefined && Cause.isFailReason(reason) && !(reason.error instanceof Deadline.DeadlineExceeded) &&
    result.cause.reasons.some((other) => Cause.isFailReason(other) && other.error === reason.error)
}

/**
 * The guards in which a call that ended at a time has an end of its own. What fails after the time of its caller, such as work
 * that cannot be interrupted, may count as cut off by it: for a guard, that is the time of the limits around it.
 */
const finishedIn = (
  call: Call,
  links: ReadonlyArray<Link>,
  around: number,
  failedAt: number
): ReadonlySet<string> => {
  const names = new Set<string>()
  let due = around
  for (const link of links) {
    if (link._tag === "Limit") due = Math.min(due, call.askedAt + link.millis)
    else if (failedAt < due) names.add(link.name)
  }
  return names
}

/** The latest time at which a call is told: before its work has begun it can have waited for each guard in turn. */
const dueOf = (call: Call, links: ReadonlyArray<Link>, around: number): number => {
  let due = Infinity
  let waited = 0
  for (const link of links) {
    if (link._tag === "Limit") {
      due = Math.min(due, Math.max(call.askedAt + waited, Math.min(call.askedAt + waited + link.millis, around)))
    }
    waited += waitOf(link)
  }
  return call.begunNumber === undefined ? Math.min(due, call.askedAt + waited) : due
}

const begins = (scene: Scene, call: Call, links: ReadonlyArray<Link>): void => {
  call.begunNumber = scene.next(`the work of ${call.id} begins${scene.now > call.askedAt ? " after a wait" : ""}`)
  for (const link of links) {
    if (link._tag === "Guard") scene.begun[link.name] = (scene.begun[link.name] ?? 0) + 1
  }
  const waited = links.reduce((sum, link) => sum + waitOf(link), 0)
  if (scene.now > call.askedAt + waited + scene.clock.blocked) {
    scene.breaks("a limit ends the call", `call ${call.id} of ${call.names.join()} waited longer than ${waited} ms`)
  }
  for (const other of scene.untold) {
    if (other.endedNumber! > call.askedNumber && other.names.some((name) => call.names.includes(name))) {
      scene.breaks("one's own answer first", `the work of call ${call.id} began before call ${other.id} was told`)
    }
  }
}
