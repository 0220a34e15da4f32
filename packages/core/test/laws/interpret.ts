/** Makes an effect of a tree, which tells the scene what happens in it. */
import { Attempts, Bulkhead, Cascade, Deadline, RetryBudget } from "@switchgear/core"
import { Context, Effect, Fiber } from "effect"
import { chained, CurrentDue, linksOf } from "./chain.ts"
import { type Answer, OtherToolOpen } from "./guards.ts"
import type { Tree } from "./program.ts"
import { OwnDefect, type Scene } from "./scene.ts"

type Any = Effect.Effect<unknown, unknown>

class Blip {
  readonly _tag = "Blip"
}

// Keys of the cache whose value is being read by what runs inside. One that waits for itself, or for one that waits for
// it, is a fault of the program: keys are read in order.
const KeysInHand = Context.Reference<string>("@switchgear/core/test/laws/KeysInHand", { defaultValue: () => "" })

export const interpret = (scene: Scene, tree: Tree): Any => {
  const { inner, links } = linksOf(scene, tree)
  if (links.length > 0) return chained(scene, links, interpret(scene, inner), delayOf(inner))
  const go = (tree: Tree) => interpret(scene, tree)
  switch (tree._tag) {
    case "Work":
      return work(scene, tree)
    case "Guard":
      return judged(scene, "pipeline", pipelined(scene, go(tree.inner)), 4000, delayOf(tree.inner))
    case "Limit":
      return judged(
        scene,
        `timeoutOrElse ${tree.millis}`,
        Deadline.timeoutOrElse({ duration: tree.millis, orElse: () => Effect.void })(go(tree.inner)),
        tree.millis,
        delayOf(tree.inner)
      )
    case "Around":
      return around(scene, tree.around, go(tree.inner))
    case "After":
      return Effect.delay(go(tree.inner), tree.millis)
    case "Cached":
      return cached(scene, tree.read, tree.key, go(tree.inner))
    case "Either":
      return either(tree.either, go(tree.first), go(tree.second))
    case "Copies":
      return together(scene, tree.how, Array.from({ length: tree.times }, () => go(tree.inner)))
    case "Together":
      return together(scene, tree.how, tree.members.map(go))
  }
}

const either = (how: Extract<Tree, { readonly _tag: "Either" }>["either"], first: Any, second: Any): Any => {
  switch (how) {
    case "fallback":
      return Effect.catch(first, () => second)
    case "cascade":
      return Cascade.run(Cascade.first("first", first).pipe(Cascade.orElse("second", second)))
    case "overtake":
      return Cascade.run(
        Cascade.first("first", first, { overtakeAfter: 20 }).pipe(Cascade.orElse("second", second))
      )
    case "again":
      return Effect.suspend(() => {
        let left = 2
        return Cascade.run(
          Cascade.first("first", first, { overtakeAfter: 500 }).pipe(
            Cascade.orElse("second", second),
            Cascade.orAgain(() => Effect.sync(() => left-- > 0).pipe(Effect.delay(20)))
          )
        )
      })
  }
}

const work = (scene: Scene, { millis, way }: Extract<Tree, { readonly _tag: "Work" }>): Any =>
  Effect.suspend((): Any => {
    const sleep = millis === 0 ? Effect.void : Effect.sleep(millis)
    switch (way) {
      case "answers":
        return sleep
      case "fails":
        return Effect.andThen(sleep, Effect.fail(new Blip()))
      case "dies":
        return Effect.andThen(sleep, Effect.die(new OwnDefect()))
      case "hangs":
        return scene.hang
      case "stubborn":
        return Effect.uninterruptible(sleep)
      case "blocks":
        return Effect.sync(() => scene.clock.block(millis))
      case "lingers":
        return Effect.onInterrupt(scene.hang, () => sleep)
      case "rejects":
        return Effect.andThen(sleep, Effect.fail(new OtherToolOpen()))
    }
  })

/** Observes what must end by itself after so many milliseconds. */
const judged = (scene: Scene, name: string, self: Any, millis: number, delay: number): Any =>
  Effect.withFiber((fiber) => {
    const begin = scene.now
    const due = Math.max(begin, Math.min(begin + millis, name === "pipeline" ? fiber.getRef(CurrentDue) : Infinity))
    return Effect.onExit(self, (exit) =>
      Effect.sync(() => {
        scene.judge(name, exit)
        if (scene.now > due + delay + scene.clock.blocked)
          scene.breaks("a limit ends the call", `${name} should have ended at ${due} ms`)
      }))
  })

const pipelined = (scene: Scene, inner: Any): Any =>
  scene.guards.pipeline.protect(Effect.withFiber((fiber) => {
    scene.begun.pipeline = (scene.begun.pipeline ?? 0) + 1
    scene.next("work in the pipeline begins")
    return Effect.provideService(inner, CurrentDue, Math.min(fiber.getRef(CurrentDue), scene.now + 1000))
  }))

const around = (scene: Scene, around: Extract<Tree, { readonly _tag: "Around" }>["around"], inner: Any): Any => {
  switch (around) {
    case "retry":
      return scene.guards.retry.protect(inner)
    case "attempts":
      return Attempts.within(2)(inner)
    case "retryBudget":
      return RetryBudget.within(scene.guards.retryBudget)(inner)
    case "hedge":
      return scene.guards.hedge.protect(inner)
    case "throttle":
      return scene.guards.throttle.protect(inner)
    case "detached":
      return Effect.andThen(seesNoBudget(scene, "detached work"), Effect.provideService(inner, CurrentDue, Infinity))
        .pipe(
          Deadline.detached,
          Attempts.detached
        )
    case "uninterruptible":
      return Effect.uninterruptible(inner)
    case "forkDetach":
      return forked(scene, inner)
    case "again":
      return again(scene, inner, 3)
    case "forkJoin":
      return Effect.flatMap(Effect.forkChild(inner, { startImmediately: true }), Fiber.join)
    case "urgent":
      return Effect.provideService(inner, Bulkhead.CurrentPriority, 10)
    case "tenantA":
    case "tenantB":
      return Effect.provideService(inner, Bulkhead.CurrentKey, around)
    case "caught":
      return Effect.catchCause(inner, () => Effect.void)
    case "masked":
      return Effect.uninterruptibleMask((restore) => Effect.andThen(Effect.yieldNow, restore(inner)))
    case "semaphore":
      return behindSemaphore(scene, inner)
    case "finalizer":
      return Effect.ensuring(inner, throughGuards(scene))
    case "resource":
      return Effect.scoped(Effect.andThen(
        Effect.acquireRelease(throughGuards(scene), () => throughGuards(scene)),
        inner
      ))
  }
}

// Whoever has it, or works for one who may have it, does not wait for it.
const HasSemaphore = Context.Reference<boolean>("@switchgear/core/test/laws/HasSemaphore", {
  defaultValue: () => false
})

const behindSemaphore = (scene: Scene, inner: Any): Any =>
  Effect.withFiber((fiber) =>
    fiber.getRef(HasSemaphore)
      ? inner
      : scene.semaphore.withPermits(1)(Effect.provideService(inner, HasSemaphore, true))
  )

/** What a finalizer does that cleans up at the provider, by way of the guards. */
const throughGuards = ({ guards: { bulkheads, limiters } }: Scene): Effect.Effect<void> =>
  Effect.yieldNow.pipe(
    bulkheads.bulkhead.protectWith({ maxWait: 5 }),
    limiters.rateLimiter.protectWith({ costs: {}, maxWait: 5 }),
    Deadline.attempt(5),
    Effect.exit
  )

const seesNoBudget = (scene: Scene, who: string): Effect.Effect<void> =>
  Effect.zipWith(Deadline.remaining, Attempts.left, (time, attempts) => {
    if (time !== undefined) scene.breaks("budgets belong to the caller", `${who} is under a deadline`)
    if (attempts !== Infinity) scene.breaks("budgets belong to the caller", `${attempts} attempts are left to ${who}`)
  })

/** Answers at once; the work goes on. */
const forked = (scene: Scene, inner: Any): Any =>
  Effect.map(Effect.forkDetach(inner, { startImmediately: true }), (fiber) => {
    scene.keep("detached work", fiber)
    fiber.addObserver((exit) => scene.judge("detached work", exit))
  })

/** Detached work that starts itself again, a few times. */
const again = (scene: Scene, inner: Any, times: number): Any =>
  forked(
    scene,
    Effect.ensuring(
      inner,
      Effect.suspend(() => times > 1 ? Effect.ignore(again(scene, inner, times - 1)) : Effect.void)
    )
  )

const cached = (scene: Scene, read: Extract<Tree, { readonly _tag: "Cached" }>["read"], key: string, inner: Any): Any =>
  Effect.withFiber((fiber) => {
    const keys = fiber.getRef(KeysInHand)
    if (keys >= key) return inner
    const asked = scene.next(`asks the cache for ${key}`)
    const loads = Effect.andThen(
      seesNoBudget(scene, "a shared call"),
      Effect.suspend(() => {
        const readAt = scene.next(`reads the value of ${key}`)
        return Effect.as(inner, { readAt } satisfies Answer)
      })
    ).pipe(
      Effect.provideService(KeysInHand, key),
      Effect.provideService(HasSemaphore, true),
      Effect.provideService(CurrentDue, Infinity)
    )
    const { cache } = scene.guards
    const reading = read === "through"
      ? cache.through(key)
      : cache.orStale(key, read === "orStale" ? undefined : { after: 50 })
    return Effect.map(reading(loads), ({ value }) => {
      scene.next(`is given the value of ${key} read at ${value.readAt}`)
      const invalidated = scene.invalidated[key] ?? 0
      if (invalidated < asked && value.readAt < invalidated) {
        scene.breaks(
          "invalidation wins",
          `who asked at ${asked} was given a value read at ${value.readAt}, before ${invalidated}`
        )
      }
    })
  })

const together = (
  scene: Scene,
  how: Extract<Tree, { readonly _tag: "Together" }>["how"],
  members: ReadonlyArray<Any>
): Any => {
  switch (how) {
    case "all":
      return Effect.all(members, { concurrency: "unbounded" })
    case "results":
      return Effect.all(members, { concurrency: "unbounded", mode: "result" })
    case "race":
      return Effect.raceAll(members)
    case "raceFirst":
      return Effect.raceAllFirst(members)
    case "forEach":
      // The platform's own: when it yields while it is being interrupted, and a member ends meanwhile, it begins the next
      // one, which cannot be interrupted. Where a step is struck, all members begin at once.
      return Effect.forEach(members, (member) => member, { concurrency: scene.yieldsAnywhere ? "unbounded" : 2 })
  }
}

/** How long work may take to end after it is interrupted, by what it contains itself and what is not detached from it. */
const delayOf = (tree: Tree): number => {
  switch (tree._tag) {
    case "Work":
      return tree.way === "stubborn" || tree.way === "lingers" ? tree.millis : 0
    case "Around":
      return tree.around === "uninterruptible"
        ? Infinity
        : tree.around === "forkDetach" || tree.around === "again"
        ? 0
        : tree.around === "finalizer" || tree.around === "resource"
        ? delayOf(tree.inner) + 10
        : delayOf(tree.inner)
    case "Either":
      // What the first passes on to the second when its own time-out comes at the same moment may begin.
      return delayOf(tree.first) + delayOf(tree.second)
    case "Together":
      return Math.max(...tree.members.map(delayOf))
    default:
      return delayOf(tree.inner)
  }
}
