/**
 * The night at its true scale: an hour in real seconds, and as many customers as are asked for.
 *
 * Up to a million customers make the night denser: arrivals, and with them what the providers can do and what the guards
 * let through, grow in proportion, so that a small night tells the same story; of less than twenty thousand, a circuit
 * sees too few calls to judge by. More than a million make it longer, so that no more of them wait at once and the memory
 * of a replay has a bound.
 */
import { Load } from "@switchgear/core/testing"
import { Behaviour } from "@switchgear/http/testing"
import { type Model, models, primary } from "../scenario.ts"
import type { Health, NightData } from "./reportData.ts"

/** A stretch of the night. */
export interface Phase {
  readonly name: string
  readonly tells: string
  readonly seconds: number
  /** Arrivals, as a multiple of the calm ones. */
  readonly crowd: number
  readonly primary: Health
  readonly behaviours: Readonly<Record<Model, Behaviour.Behaviour>>
}

export interface Night {
  readonly phases: ReadonlyArray<Phase>
  readonly data: NightData
  readonly arrivals: Load.Arrivals
  /** How many of something there are, of which a night of a million has so many. */
  readonly scaled: (ofAMillion: number) => number
}

/** The densest night. */
const million = 1_000_000

/** Seconds of an entry of a series where the night is an hour. A phase has whole entries. */
const entry = 10

/** The night with about so many customers. */
export const make = (customers: number): Night => {
  // An entry takes whole milliseconds, however long the night is.
  const interval = Math.ceil(entry * 1000 * Math.max(1, customers / million)) / 1000
  const stretched = (seconds: number) => (seconds / entry) * interval
  const scaled = (ofAMillion: number) => Math.max(1, Math.round((ofAMillion * Math.min(customers, million)) / million))
  const ofAnHour = script(scaled)
  const begins = ofAnHour.reduce((all, { seconds }) => [...all, all.at(-1)! + seconds], [0]).map(stretched)
  const phases = ofAnHour.map((phase) => ({ ...phase, seconds: stretched(phase.seconds) }))
  const calm = customers / phases.reduce((sum, { crowd, seconds }) => sum + crowd * seconds, 0)
  return {
    phases,
    scaled,
    data: {
      seconds: begins.at(-1)!,
      interval,
      phases: phases.map(({ crowd, name, primary, tells }, i) => ({
        name,
        tells,
        from: begins[i]!,
        to: begins[i + 1]!,
        crowd,
        primary
      }))
    },
    arrivals: Load.sequence(
      phases.map(({ crowd, seconds }) => Load.poisson({ rate: calm * crowd, for: `${seconds} seconds` }))
    )
  }
}

/** What every model answers, so that its length and with it its price are known also where nobody waits for it. */
export const answer = "Your order has left our warehouse and will be with you tomorrow."

const takes = (median: number, p95: number) =>
  Behaviour.logNormal({ median: `${median} seconds`, p95: `${p95} seconds` })
const short = Behaviour.ok(answer)

/** An answer, or a fault in so many of a hundred. */
const faulty = (faults: number) => Behaviour.mix([[faults, Behaviour.serverError], [100 - faults, short]])

const script = (scaled: Night["scaled"]): ReadonlyArray<Phase> => {
  const gpt = (latency: Behaviour.Latency, atOnce: number, outcome = short): Behaviour.Behaviour => ({
    latency,
    capacity: { concurrency: scaled(atOnce), above: "slows" },
    outcome
  })
  const claude = (atOnce: number): Behaviour.Behaviour => ({
    latency: takes(1, 1.5),
    capacity: { concurrency: scaled(atOnce), above: "refuses", refusal: Behaviour.overloaded },
    outcome: short
  })
  const gemini = (atOnce: number): Behaviour.Behaviour => ({
    latency: takes(0.6, 0.9),
    capacity: { concurrency: scaled(atOnce), above: "slows" },
    outcome: short
  })
  const deepseek = (outcome = short): Behaviour.Behaviour => ({
    latency: takes(1.2, 1.8),
    capacity: { concurrency: scaled(80), above: "refuses" },
    outcome
  })
  const healthy = {
    "gpt-4.1": gpt(takes(0.8, 1.3), 10_000),
    "claude-sonnet-4.5": claude(50),
    "gemini-2.5-flash": gemini(60),
    "deepseek-v3.2": deepseek()
  }
  const hangs = { outcome: Behaviour.hang }
  // Everybody whose first model is down goes to the others as well, so that little of them is left for us.
  const overrun = {
    "gpt-4.1": hangs,
    "claude-sonnet-4.5": claude(12),
    "gemini-2.5-flash": gemini(6),
    "deepseek-v3.2": deepseek(Behaviour.mix([[1, Behaviour.rateLimited("10 seconds")], [1, short]]))
  }
  const dark = {
    "gpt-4.1": hangs,
    "claude-sonnet-4.5": { latency: takes(0.1, 0.2), outcome: Behaviour.overloaded },
    "gemini-2.5-flash": { latency: takes(0.1, 0.2), outcome: Behaviour.unavailable },
    "deepseek-v3.2": { latency: takes(0.1, 0.2), outcome: Behaviour.serverError }
  }
  return [
    {
      name: "calm",
      tells: "an ordinary evening",
      seconds: 600,
      crowd: 1,
      primary: "up",
      behaviours: healthy
    },
    {
      name: "the sale opens",
      tells: "arrivals × 15, and everything holds",
      seconds: 120,
      crowd: 15,
      primary: "up",
      behaviours: healthy
    },
    {
      name: "slow",
      tells: "the first model's answers take 15 s instead of 0.8 s",
      seconds: 360,
      crowd: 15,
      primary: "slow",
      behaviours: { ...healthy, "gpt-4.1": gpt(takes(15, 20), 10_000) }
    },
    {
      name: "time-outs",
      tells: "the first model hangs, the others are overrun",
      seconds: 300,
      crowd: 15,
      primary: "down",
      behaviours: overrun
    },
    {
      name: "dark",
      tells: "the others refuse as well, nobody answers",
      seconds: 240,
      crowd: 15,
      primary: "down",
      behaviours: dark
    },
    {
      name: "half a night",
      tells: "the others are back, the first model hangs",
      seconds: 180,
      crowd: 12,
      primary: "down",
      behaviours: { ...healthy, "gpt-4.1": hangs }
    },
    {
      name: "coming back",
      tells: "the first model answers in 2 s, with a fault in ten, and can do little at once",
      seconds: 300,
      crowd: 10,
      primary: "recovering",
      behaviours: { ...healthy, "gpt-4.1": gpt(takes(2, 2.8), 1500, faulty(10)) }
    },
    {
      name: "better",
      tells: "1.5 s, a fault in fifty",
      seconds: 300,
      crowd: 6,
      primary: "recovering",
      behaviours: { ...healthy, "gpt-4.1": gpt(takes(1.5, 2.2), 2500, faulty(2)) }
    },
    {
      name: "late",
      tells: "all is well, and the crowd goes home",
      seconds: 300,
      crowd: 3,
      primary: "up",
      behaviours: healthy
    },
    {
      name: "calm again",
      tells: "an ordinary night",
      seconds: 840,
      crowd: 1,
      primary: "up",
      behaviours: healthy
    },
    {
      // Nobody's patience is longer, so that the night ends with its last customer.
      name: "closed",
      tells: "nobody comes, those who wait are served",
      seconds: 60,
      crowd: 0,
      primary: "up",
      behaviours: healthy
    }
  ]
}

/** The second at which the first model falls, and that of its return. */
export const fall = ({ phases }: NightData): number => phases.find(({ primary }) => primary !== "up")!.from
export const comeback = ({ phases }: NightData): number => phases.find(({ primary }) => primary === "recovering")!.from

export { type Model, models, primary }
