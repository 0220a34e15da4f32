/** How far a replay is, for the one who waits for it and for the one who has waited long enough. */
import { Clock, Effect, Stdio, Stream } from "effect"
import * as Figures from "../figures.ts"
import type { Plan } from "./lanes.ts"
import type { Night } from "./night.ts"
import type { SoFar } from "./play.ts"
import type { Watcher } from "./replay.ts"
import type { LaneData } from "./reportData.ts"

/** A lane that is over, and the real seconds it took. */
export interface Timed {
  readonly lane: LaneData
  readonly wallSeconds: number
}

export interface Progress extends Watcher {
  readonly finished: ReadonlyArray<Timed>
  /** The lane that is played, and how far it is. */
  readonly underWay: () => string | undefined
  /** The same as a bar. */
  readonly bar: Effect.Effect<string | undefined>
}

export const make: Effect.Effect<Progress> = Effect.sync(() => {
  const finished: Array<Timed> = []
  let now: { readonly plan: Plan; readonly night: Night; readonly since: number; soFar: SoFar } | undefined
  return {
    finished,
    begins: (plan, night) =>
      Effect.map(Clock.currentTimeMillis, (since) => {
        now = { plan, night, since, soFar: { seconds: 0, arrived: 0, answered: 0, errors: 0 } }
      }),
    goesOn: (soFar) => {
      if (now !== undefined) now.soFar = soFar
    },
    ends: (lane) =>
      Effect.map(Clock.currentTimeMillis, (until) => {
        finished.push({ lane, wallSeconds: (until - now!.since) / 1000 })
        now = undefined
      }),
    underWay: () =>
      now &&
      `${now.plan.title}: stopped at ${Figures.share(now.soFar.seconds, now.night.data.seconds)} of the night, ${
        Figures.whole(now.soFar.arrived)
      } customers had come, ${Figures.whole(now.soFar.answered)} had an answer, ${
        Figures.whole(now.soFar.errors)
      } an error`,
    bar: Effect.map(Clock.currentTimeMillis, (time) => {
      if (now === undefined) return undefined
      const { night: { data }, plan, since, soFar: { arrived, seconds } } = now
      const done = Math.round((width * seconds) / data.seconds)
      const rate = Math.round((arrived * 1000) / Math.max(1, time - since))
      return `${plan.title.padEnd(14)} ${"█".repeat(done)}${"░".repeat(width - done)} ${
        Figures.share(seconds, data.seconds).padStart(8)
      }  ${Figures.whole(rate)} calls/s`
    })
  }
})

const width = 30

/** Tells until it is interrupted, on standard error: a bar on a terminal, and anywhere else a line soon, and then one now and then. */
export const tell = (progress: Progress): Effect.Effect<never, never, Stdio.Stdio> =>
  Effect.gen(function*() {
    const stdio = yield* Stdio.Stdio
    const write = (text: string) => Effect.ignore(Stream.run(Stream.make(text), stdio.stderr({ endOnDone: false })))
    const terminal = yield* stdio.stderrIsTerminal
    const tick = Effect.flatMap(progress.bar, (bar) =>
      bar === undefined ? Effect.void : write(terminal ? `\r${bar}\x1b[K` : `${bar}\n`))
    const first = terminal ? Effect.void : Effect.delay(tick, "1 second")
    const others = Effect.forever(Effect.delay(tick, terminal ? "100 millis" : "5 seconds"))
    return yield* Effect.andThen(first, others).pipe(
      Effect.ensuring(terminal ? write("\r\x1b[K") : Effect.void)
    )
  })
