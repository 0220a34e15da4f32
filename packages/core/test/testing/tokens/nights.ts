/** Loads and providers of tokens, and the share of calls that is answered in time. */
import { Deadline } from "@switchgear/core"
import { Load, SimulatedService, VirtualClock } from "@switchgear/core/testing"
import { Effect, Random } from "effect"
import type { Protect } from "./policies.ts"
import { drawn, type Request, requestOf } from "./requests.ts"

type Kind = "batches" | "queue" | "one machine"

/** What a provider of a kind can do, which is at full speed with this many requests. */
const capacityOf = (kind: Kind, concurrency: number, speed = 1): SimulatedService.Capacity => {
  switch (kind) {
    case "batches":
      return { concurrency, above: "slows", slots: 2 * concurrency, waiting: 160, speed }
    case "queue":
      return { concurrency, above: "queue", waiting: 160, speed }
    case "one machine":
      return { concurrency, above: "slows", speed }
  }
}

/** What changes at a provider at a second. */
interface Change {
  readonly at: number
  readonly concurrency?: number
  readonly speed?: number
}

export interface Night {
  readonly kind?: Kind
  /** The requests that the provider works on at full speed. */
  readonly concurrency?: number
  readonly arrivals: Load.Arrivals
  /** The share of long requests at a second. */
  readonly long?: (second: number) => number
  /** What changes at the provider, in order. */
  readonly changes?: (random: Random.Random) => ReadonlyArray<Change>
  /** The seconds in which calls count. */
  readonly counted: readonly [from: number, to: number]
}

const steady = (rate: number, seconds = 420): Pick<Night, "arrivals" | "counted"> => ({
  arrivals: Load.poisson({ rate, for: seconds * 1000 }),
  counted: [60, seconds]
})

/** Another speed every five seconds, about 1: on average, it keeps 70 % of its distance on a scale of factors. */
const noise = (random: Random.Random): ReadonlyArray<Change> => {
  let factor = 1
  return Array.from({ length: 200 }, (_, index) => {
    factor = factor ** 0.7 * step(random) ** Math.sqrt(1 - 0.7 ** 2)
    return { at: 5 * (index + 1), speed: factor * Math.exp(-(0.4 ** 2) / 2) }
  })
}
const step = drawn(1, 0.4)

const overloaded = steady(18)

export const nights = {
  calm: steady(5),
  "over ×2": overloaded,
  "burst ×15": {
    arrivals: Load.burst({
      of: Load.poisson({ rate: 2, for: "7 minutes" }),
      times: 15,
      after: "3 minutes",
      for: "2 minutes"
    }),
    counted: [180, 300]
  },
  "on/off": {
    arrivals: Load.burst({
      of: Load.poisson({ rate: 0.2, for: "7 minutes" }),
      times: 100,
      after: "20 seconds",
      for: "20 seconds",
      every: "40 seconds"
    }),
    counted: [60, 420]
  },
  "c/2": { ...steady(9, 480), changes: () => [{ at: 180, concurrency: 20 }], counted: [180, 480] },
  "hang 30 s": {
    ...steady(7),
    changes: () => [{ at: 180, speed: 0 }, { at: 210, speed: 1 }],
    counted: [180, 300]
  },
  noise: { ...steady(7, 600), changes: noise },
  "mix shift": { ...steady(5, 480), concurrency: 80, long: (second) => second < 180 ? 0.1 : 0.5, counted: [180, 480] },
  slow3: { ...steady(4, 900), concurrency: 80, changes: () => [{ at: 180, speed: 0.33 }], counted: [180, 900] },
  cold: { ...steady(18, 60), counted: [0, 60] },
  "over, queue": { ...overloaded, kind: "queue" },
  "over, one machine": { ...overloaded, kind: "one machine" }
} satisfies Record<string, Night>

const longer = (): number => 0.35
const doubleLoad = { ...steady(7, 600), concurrency: 24, long: longer }

/** The same troubles at a smaller provider, with more long requests, at other rates and times. */
export const smallerNights = {
  calm: { ...steady(2, 600), concurrency: 24, long: longer },
  "over ×2": doubleLoad,
  "burst ×15": {
    arrivals: Load.burst({
      of: Load.poisson({ rate: 1, for: "7 minutes" }),
      times: 15,
      after: "3 minutes",
      for: "2 minutes"
    }),
    concurrency: 24,
    long: longer,
    counted: [180, 300]
  },
  "c/2": {
    ...steady(3.4, 600),
    concurrency: 24,
    long: longer,
    changes: () => [{ at: 200, concurrency: 12 }],
    counted: [200, 600]
  },
  "hang 30 s": {
    ...steady(2.6),
    concurrency: 24,
    long: longer,
    changes: () => [{ at: 180, speed: 0 }, { at: 210, speed: 1 }],
    counted: [180, 300]
  },
  noise: { ...steady(2.4, 900), concurrency: 24, long: longer, changes: noise },
  "mix shift": { ...steady(3, 600), concurrency: 48, long: (second) => second < 200 ? 0.1 : 0.6, counted: [200, 600] },
  slow3: {
    ...steady(2, 900),
    concurrency: 60,
    long: longer,
    changes: () => [{ at: 200, speed: 0.33 }],
    counted: [200, 900]
  },
  "over, queue": { ...doubleLoad, kind: "queue" },
  "over, one machine": { ...doubleLoad, kind: "one machine" }
} satisfies Record<string, Night>

/** What was seen of the calls that count. */
export interface Seen {
  /** Those that were answered in time, in percent. */
  readonly answered: number
  readonly chats: number
  readonly long: number
  /** Those that the provider refused or did not answer in time, in percent. */
  readonly failed: number
  /** Of the chats that were answered, 99 of 100 were in this many seconds. */
  readonly p99: number
}

const share = (part: number, all: number) => 100 * part / all

/** Plays a night with a policy. */
export const play = (
  night: Night,
  policy: Effect.Effect<Protect>,
  seed: string
): Effect.Effect<Seen, Load.InvalidLoad> =>
  Effect.gen(function*() {
    const { arrivals, changes, concurrency = 40, counted: [from, to], kind = "batches", long = () => 0.2 } = night
    const random = yield* Random.Random
    const behaviour = (now: Omit<Change, "at">) => ({
      latency: ({ millis }: Request) => millis,
      capacity: capacityOf(kind, now.concurrency ?? concurrency, now.speed)
    })
    const provider = yield* SimulatedService.make({ ...behaviour({}), answer: () => Effect.void })
    yield* Effect.forkChild(
      Effect.forEach(
        changes?.(random) ?? [],
        (change) => Effect.delay(provider.set(behaviour(change)), change.at * 1000),
        { concurrency: "unbounded" }
      )
    )
    const protect = yield* policy
    const requests: Array<Request> = []
    const of = { chat: { calls: 0, answered: 0 }, long: { calls: 0, answered: 0 } }
    const seconds: Array<number> = []
    let failed = 0
    yield* Load.run(arrivals, ({ at, index }) => {
      const request = requests[index] = requestOf(random, long(at / 1000))
      return provider.call(request).pipe(
        // A refusal takes its time, too.
        Effect.catchTag("ServiceRefused", (refused) => Effect.delay(Effect.fail(refused), 100)),
        Deadline.attempt(request.within),
        protect
      )
    }, {
      seed,
      interval: "1 hour",
      onSettled: ({ at, index, label, latency }) => {
        if (at < from * 1000 || at >= to * 1000) return
        const { name } = requests[index]!
        of[name].calls++
        if (label === "success") of[name].answered++
        if (label === "success" && name === "chat") seconds.push(latency / 1000)
        if (label === "ServiceRefused" || label === "DeadlineExceeded") failed++
      }
    })
    const calls = of.chat.calls + of.long.calls
    return {
      answered: share(of.chat.answered + of.long.answered, calls),
      chats: share(of.chat.answered, of.chat.calls),
      long: share(of.long.answered, of.long.calls),
      failed: share(failed, calls),
      p99: seconds.sort((one, other) => one - other)[Math.floor(0.99 * seconds.length)] ?? NaN
    }
  }).pipe((run) => VirtualClock.play(run, { promises: "none" }), Random.withSeed(seed))
