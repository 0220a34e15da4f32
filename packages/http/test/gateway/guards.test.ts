/** What operators are shown of hundreds of models. */
import { assert, it } from "@effect/vitest"
import { Bulkhead, Retry } from "@switchgear/core"
import { vi } from "vitest"

interface Guard {
  readonly kind: string
  readonly id: string
  readonly critical: boolean
  readonly snapshot: unknown
}
type Guards = object
const { Guards } = await vi.importActual<
  { readonly Guards: new(snapshots: ReadonlyArray<Guard>, history: ReadonlyArray<never>) => Guards }
>("../../src/gateway/admin/guards.ts")
const { modelsOf } = await vi.importActual<
  { readonly modelsOf: (running: unknown, guards: Guards) => ReadonlyArray<{ readonly bulkhead: unknown }> }
>("../../src/gateway/admin/api/readings.ts")

/** How often guards are looked at, which two kinds have for each model. */
const looksAt = (count: number): number => {
  const names = Array.from({ length: count }, (_, i) => `model-${i}`)
  let looks = 0
  const counted = (guard: Guard) =>
    new Proxy(guard, {
      get: (target, field: keyof Guard) => {
        looks++
        return target[field]
      }
    })
  const snapshots = names.toReversed().flatMap((id) => [
    counted({ kind: Retry.kind.tag, id, critical: true, snapshot: { calls: 1 } }),
    counted({ kind: Bulkhead.kind.tag, id, critical: true, snapshot: { inFlight: 1 } })
  ])
  const models = modelsOf(
    { config: { models: Object.fromEntries(names.map((name) => [name, {}])) }, calls: { lastErrorOf: () => {} } },
    new Guards(snapshots, [])
  )
  assert.deepStrictEqual(models.map(({ bulkhead }) => (bulkhead as { readonly id: string }).id), names)
  return looks
}

it("operators are shown ten times as many models for ten times as much, and no more", () => {
  assert.strictEqual(looksAt(1000), 10 * looksAt(100))
})
