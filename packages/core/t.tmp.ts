import { Bulkhead } from "@switchgear/core"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })
const p = Effect.gen(function*() {
  const b = yield* Bulkhead.make({ name: "x", concurrency: 1 })
  for (
    const [n, g] of [["bare", <A>(x: A) => x], ["guard", b.protect], ["guard", b.protect], [
      "bare",
      <A>(x: A) => x
    ]] as any
  ) {
    const work = Effect.onInterrupt(
      Effect.never,
      () =>
        Effect.sync(() => console.log("begin finalizer")).pipe(
          Effect.andThen(Effect.sleep(100)),
          Effect.andThen(Effect.sync(() => console.log("finalized")))
        )
    )
    const f = yield* fork(Effect.onExit(g(work) as any, () => Effect.sync(() => console.log(n, "exit"))))
    const i = yield* fork(Fiber.interrupt(f))
    console.log(n, i.pollUnsafe()?._tag, f.pollUnsafe()?._tag)
    yield* TestClock.adjust(100)
    console.log(n, i.pollUnsafe()?._tag, f.pollUnsafe()?._tag, (f.pollUnsafe() as any)?.value?.cause)
  }
}).pipe(Effect.provide(process.argv[2] ? TestClock.layer() : Layer.empty))
await Effect.runPromise(p as any)
