/** What raced targets open is closed once, with the scope in which it was opened or before, in every order of fibers. */
import { Cascade } from "@switchgear/core"
import { VirtualClock } from "@switchgear/core/testing"
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Schema, Scope } from "effect"

interface Tree {
  readonly opens: number
  readonly takes: number
  readonly ends: "answers" | "fails" | "hangs"
  readonly background: boolean
  readonly inner: ReadonlyArray<Tree>
}

const leaf = Schema.Struct({
  opens: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 })),
  takes: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 })),
  ends: Schema.Literals(["answers", "fails", "hangs"]),
  background: Schema.Boolean,
  inner: Schema.Array(Schema.Never).check(Schema.isMaxLength(0))
})
const around = (inner: Schema.Codec<Tree>): Schema.Codec<Tree> =>
  Schema.Struct({ ...leaf.fields, inner: Schema.Array(inner).check(Schema.isMaxLength(2)) }) as never
const Tree = around(around(leaf as never))

/** Each resource has a number, and is open until its finalizer has run. */
class Resources {
  readonly open = new Set<number>()
  readonly twice: Array<number> = []
  private last = 0

  readonly one = Effect.suspend(() => {
    const id = ++this.last
    return Effect.acquireRelease(
      Effect.sync(() => this.open.add(id)),
      () => Effect.sync(() => this.open.delete(id) || this.twice.push(id))
    )
  })
}

const run = (tree: Tree, resources: Resources): Effect.Effect<unknown, "failed", Scope.Scope> =>
  Effect.gen(function*() {
    for (let i = 0; i < tree.opens; i++) yield* resources.one
    if (tree.background) {
      const inner = yield* Effect.scope
      yield* Effect.forkDetach(Effect.delay(Effect.ignore(Scope.provide(resources.one, inner)), 15))
    }
    const [first, second] = tree.inner
    if (first !== undefined) {
      yield* Cascade.run(
        Cascade.first("first", run(first, resources), { overtakeAfter: 10 }).pipe(
          Cascade.orElse("second", second === undefined ? Effect.fail("failed" as const) : run(second, resources)),
          Cascade.orConstant("floor", "floor")
        )
      )
    }
    yield* Effect.sleep(tree.takes)
    if (tree.ends === "hangs") return yield* Effect.never
    if (tree.ends === "fails") return yield* Effect.fail("failed" as const)
  })

it.effect.prop(
  "whatever targets open is closed once, at the latest with the scope around them, or at once after that",
  {
    tree: Tree,
    closesAt: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 80 })),
    order: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 })),
    strategy: Schema.Literals(["sequential", "parallel"])
  },
  ({ closesAt, order, strategy, tree }) =>
    Effect.gen(function*() {
      const resources = new Resources()
      yield* VirtualClock.play(
        Effect.gen(function*() {
          const scope = yield* Scope.make(strategy)
          const fiber = yield* Effect.forkIn(Scope.provide(Effect.exit(run(tree, resources)), scope), scope)
          yield* Effect.sleep(closesAt)
          yield* Scope.close(scope, Exit.void)
          assert.isDefined(fiber.pollUnsafe())
          // What is opened after that is closed at once.
          yield* Effect.sleep("1 minute")
          assert.deepStrictEqual([...resources.open], [])
          assert.deepStrictEqual(resources.twice, [])
        }),
        { order: { seed: order }, promises: "none" }
      )
    }),
  { arbitrary: { runs: 300 } }
)
