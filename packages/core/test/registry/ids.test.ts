/** The ids of guards with one name. */
import { assert, describe, it } from "@effect/vitest"
import { Registry } from "@switchgear/core"
import { Effect, Schema } from "effect"

const kind: Registry.Kind<object, number> = { tag: "test/Numbered", snapshot: () => Effect.succeed(1) }

const Operation = Schema.Union([
  Schema.TaggedStruct("Enter", { name: Schema.Literals(["model", "model", "model", "model#2", "model#3"]) }),
  Schema.TaggedStruct("Leave", { index: Schema.Literals([0, 0, 1, 2, 3, 9]) })
])

describe("the ids of guards with one name", () => {
  it.effect.prop("have the lowest numbers that are free, also where another guard is named like a number", {
    operations: Schema.Array(Operation)
  }, ({ operations }) =>
    Effect.gen(function*() {
      const registry = yield* Registry.make()
      const present: Array<{ readonly id: string; readonly leave: () => void }> = []
      const isTaken = (id: string) => present.some((one) => one.id === id)
      for (const operation of operations) {
        if (operation._tag === "Leave") {
          present.splice(operation.index, 1)[0]?.leave()
        } else {
          const { name } = operation
          const idOf = (n: number) => n === 1 ? name : `${name}#${n}`
          let n = 1
          while (isTaken(idOf(n))) n++
          present.push({ id: idOf(n), leave: registry.enter({ kind, name, guard: {} }) })
        }
        assert.deepStrictEqual(registry.entries().map(({ id }) => id), present.map(({ id }) => id))
      }
    }), { arbitrary: { runs: 300, size: 40 } })

  it.effect("take as little work for the last of thousands as for the first, when the first to come is the first to go", () =>
    Effect.gen(function*() {
      const registry = yield* Registry.make()
      // Each id that is tried is looked up by the tag.
      let looks = 0
      const counted: typeof kind = {
        ...kind,
        get tag() {
          looks++
          return "test/Numbered"
        }
      }
      const entry = () => ({ kind: counted, guard: {}, name: "model" })
      const leaves = Array.from({ length: 4000 }, () => registry.enter(entry()))
      const each = looks / 4000
      for (let i = 0; i < 4000; i++) {
        leaves.shift()!()
        leaves.push(registry.enter(entry()))
      }
      assert.isAtMost(each, 10)
      assert.strictEqual(looks, 8000 * each)
    }))
})
