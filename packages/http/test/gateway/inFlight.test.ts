import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { vi } from "vitest"

type AnyFiber = Fiber.Fiber<unknown, unknown>
interface InFlight {
  readonly fibers: ReadonlyArray<AnyFiber>
  readonly add: (fiber: AnyFiber) => object
  readonly remove: (call: object) => void
}
const { InFlight } = await vi.importActual<{ readonly InFlight: new() => InFlight }>(
  "../../src/gateway/server/inFlight.ts"
)

const idsOf = (fibers: ReadonlyArray<AnyFiber>) => fibers.map(({ id }) => id).toSorted((a, b) => a - b)

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 200)

describe("the calls in flight", () => {
  it.prop("are those that were added and not taken out", {
    steps: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: -1, maximum: 20 })))
  }, ({ steps }) => {
    const inFlight = new InFlight()
    const model: Array<{ readonly fiber: AnyFiber; readonly call: object }> = []
    for (const step of steps) {
      if (step < 0 || model.length === 0) {
        const fiber = Effect.runFork(Effect.never)
        model.push({ fiber, call: inFlight.add(fiber) })
      } else {
        const [{ call }] = model.splice(step % model.length, 1) as [(typeof model)[number]]
        inFlight.remove(call)
      }
      assert.deepStrictEqual(idsOf(inFlight.fibers), idsOf(model.map(({ fiber }) => fiber)))
    }
    for (const { fiber } of model) fiber.interruptUnsafe()
  }, { arbitrary: { runs } })
})
