/** What a sleep costs in virtual time, and whether it matters how many others are asleep. */
import { VirtualClock } from "@switchgear/core/testing"
import { Effect, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { measure, type Subject } from "../harness.ts"
import type { Section } from "../section.ts"
import type { Settings } from "../settings.ts"

const few = 10
const many = 10_000

/** Sleeps one after the other, a millisecond each, while others sleep longer than it takes. */
const asleep = async (layer: Layer.Layer<TestClock.TestClock>, others: number): Promise<Subject["run"]> => {
  const context = await Effect.runPromise(Layer.buildWithScope(layer, Scope.makeUnsafe()))
  const run = Effect.runPromiseWith(context)
  await run(TestClock.adjust(0))
  for (let i = 0; i < others; i++) Effect.runForkWith(context)(Effect.sleep("1000 days"))
  return (calls) =>
    run(Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.gen(function*() {
        for (let i = 0; i < calls; i++) yield* Effect.sleep(1)
      }))
      yield* TestClock.adjust(calls)
      yield* Fiber.join(fiber)
    }))
}

interface Candidate {
  readonly name: string
  readonly layer: Layer.Layer<TestClock.TestClock>
  /** What a sleep among many may cost of what it costs the platform. */
  readonly atMost?: number | undefined
}

const platform: Candidate = { name: "TestClock", layer: TestClock.layer() }

const candidates: ReadonlyArray<Candidate> = [
  platform,
  { name: "VirtualClock", layer: VirtualClock.layer(), atMost: 0.5 },
  { name: "VirtualClock, no promises", layer: VirtualClock.layer({ promises: "none" }), atMost: 0.2 }
]

const nameOf = ({ name }: Candidate, others: number): string =>
  `${name}, ${others.toLocaleString("en-US")} others asleep`

const subjectsOf = async (candidate: Candidate): Promise<ReadonlyArray<Subject>> => {
  const { atMost, layer } = candidate
  const toPlatform = (others: number, atMost?: number) =>
    candidate === platform ? [] : [{ peer: nameOf(platform, others), atMost }]
  return [
    { name: nameOf(candidate, few), against: toPlatform(few), run: await asleep(layer, few) },
    {
      name: nameOf(candidate, many),
      against: [...toPlatform(many, atMost), { peer: nameOf(candidate, few) }],
      run: await asleep(layer, many)
    }
  ]
}

export const clock = async (settings: Settings): Promise<Section> => ({
  title: "Virtual time: a sleep, and the wake from it",
  notes: ["Without promises the event loop does not turn between two wakes."],
  rows: await measure(settings, (await Promise.all(candidates.map(subjectsOf))).flat())
})
