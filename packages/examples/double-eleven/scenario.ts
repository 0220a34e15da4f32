/**
 * The night in numbers: who asks how much, what the provider does, and how the protected lane is set up.
 *
 * All times are seconds of the night. The play is `speed` times faster: 800 ms of the night are played as 80 ms, a
 * time-out of 10 s as 1 s. The ratios are those of the incident: arrivals × 15, latency × 19.
 */
import { Behaviour } from "@switchgear/http/testing"
import { Duration } from "effect"

/** How many times faster than the night the play is. */
export const speed = 10

/** Seconds of the night as they are played: so many times faster, the usual times unless they are given. */
export const played = (seconds: number, times = speed): Duration.Duration => Duration.millis((seconds * 1000) / times)

/** Draws the arrivals and the providers' dice: the same seed is the same night. */
export const seed = "double eleven"

/** The chain, best first. The first is the one that collapses. */
export const models = ["gpt-4.1", "claude-sonnet-4.5", "gemini-2.5-flash", "deepseek-v3.2"] as const
export type Model = (typeof models)[number]
export const primary: Model = models[0]

/** A stretch of the night. */
export interface Phase {
  readonly name: string
  /** In a few words, for the one who watches. */
  readonly tells: string
  readonly seconds: number
  /** Arrivals, as a multiple of a calm hour. */
  readonly crowd: number
  /** Whether the primary model is down. */
  readonly primary: "up" | "down"
  readonly behaviours: Readonly<Record<Model, Behaviour.Behaviour>>
}

/** Customers who ask per second of the night, before the crowd comes. */
export const calmRate = 0.8

const short = Behaviour.ok("Your order has left our warehouse and will be with you tomorrow.")

/** The phases of the night, played so many times faster. */
export const phasesAt = (times: number): ReadonlyArray<Phase> => {
  const takes = (median: number, p95: number) =>
    Behaviour.logNormal({ median: played(median, times), p95: played(p95, times) })
  const gpt = { latency: takes(0.8, 1.3), outcome: short }
  const claude = {
    latency: takes(1, 1.5),
    capacity: { concurrency: 8, above: "refuses", refusal: Behaviour.overloaded },
    outcome: short
  } as const
  const gemini = { latency: takes(0.6, 0.9), capacity: { concurrency: 6, above: "slows" }, outcome: short } as const
  const deepseek = { latency: takes(1.2, 1.8), capacity: { concurrency: 8, above: "refuses" }, outcome: short } as const
  const healthy = { "gpt-4.1": gpt, "claude-sonnet-4.5": claude, "gemini-2.5-flash": gemini, "deepseek-v3.2": deepseek }

  // Everybody whose first model is down goes to the others as well, so that little of them is left for us.
  const overrun = {
    "claude-sonnet-4.5": { ...claude, capacity: { concurrency: 2, above: "refuses", refusal: Behaviour.overloaded } },
    "gemini-2.5-flash": { ...gemini, capacity: { concurrency: 1, above: "slows" } },
    "deepseek-v3.2": {
      ...deepseek,
      outcome: Behaviour.mix([[3, Behaviour.rateLimited(played(10, times))], [1, short]])
    }
  } as const

  return [
    {
      name: "calm",
      tells: "an ordinary hour",
      seconds: 40,
      crowd: 1,
      primary: "up",
      behaviours: healthy
    },
    {
      name: "slow",
      tells: "arrivals × 15, the first model's latency × 19",
      seconds: 50,
      crowd: 15,
      primary: "down",
      behaviours: { ...healthy, "gpt-4.1": { latency: takes(15, 19), outcome: short } }
    },
    {
      name: "time-outs",
      tells: "the first model hangs, the others are overrun",
      seconds: 40,
      crowd: 15,
      primary: "down",
      behaviours: { ...overrun, "gpt-4.1": { outcome: Behaviour.hang } }
    },
    {
      name: "recovery",
      tells: "the first model is back, the crowd still there",
      seconds: 30,
      crowd: 6,
      primary: "up",
      behaviours: healthy
    },
    {
      name: "calm again",
      tells: "an ordinary hour",
      seconds: 30,
      crowd: 1,
      primary: "up",
      behaviours: healthy
    }
  ]
}

export const phases: ReadonlyArray<Phase> = phasesAt(speed)

/** The second of the night at which each phase begins, and last the one at which the night is over. */
export const beginnings: ReadonlyArray<number> = phases.reduce(
  (all, { seconds }) => [...all, all.at(-1)! + seconds],
  [0]
)

/** The bare lane is the client of that night: the first model and a plain time-out. */
export const bareTimeout = 10

/** By when every customer of the protected lane has an answer. */
export const promise = 15

/** How a model of the protected lane is guarded. */
export interface Guard {
  readonly attempt: number
  /** Calls at once, calls waiting for them, and how long they may wait. */
  readonly atOnce: number
  readonly queue: number
  readonly maxWait: number
  /** How long its circuit stays open. */
  readonly openFor: number
}

/** The first model may take five times what it takes on a calm day. */
const first: Guard = { attempt: 4, atOnce: 24, queue: 24, maxWait: 0.5, openFor: 30 }

/** The others get what is left of the promise, and no more at once than they are known to bear. */
const other: Guard = { attempt: 3, atOnce: 6, queue: 6, maxWait: 0.5, openFor: 10 }

export const guardOf = (model: Model): Guard => model === primary ? first : other

/** What all circuits have in common. */
export const circuit = { window: 20, minimumCalls: 10, failureRate: 0.5, probes: 3 } as const

/** Answers are fresh for so long, and kept for the whole night to fall back on. */
export const freshFor = 20

/** The play never takes longer than this, in real seconds, whatever happens. */
export const hardStop = 60
