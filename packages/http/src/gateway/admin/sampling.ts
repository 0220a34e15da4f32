/** Looks at the gateway every few seconds, for what an operator who comes later wants to see. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { countedOf, sampleOf } from "./api/readings.ts"
import { healthOf } from "./health.ts"
import { everyMillis } from "./journal/samples.ts"
import type { Running } from "./model.ts"

export const sampling = (running: Running): Effect.Effect<void> =>
  Effect.gen(function*() {
    const sample = yield* sampleOf(running, yield* running.view.guards)
    const { status } = yield* healthOf(running)
    running.samples.since(status, sample.at)
    running.samples.add(sample)
    running.clientMinute.add(sample.at, yield* Effect.forEach(running.callers.all, countedOf(running)))
    running.shedding.add(running.counts.shed)
  }).pipe(Effect.repeat(Schedule.spaced(Duration.millis(everyMillis))), Effect.asVoid)
