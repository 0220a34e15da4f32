/** Bad nights, as data: who calls how often, and what happens to whom at which time. */
import { Load } from "@switchgear/core/testing"
import * as Behaviour from "../../../testing/Behaviour.ts"

/** Whom something happens to: the first model of the cascade, the first key of its provider, or all models. */
export type Victim = "first model" | "first key" | "all"

export interface Phase {
  /** Seconds since the beginning. */
  readonly at: number
  readonly who: Victim
  readonly behaviour: Behaviour.Behaviour
  /** Whether calls in it reach a model that cannot answer. */
  readonly state: "well" | "down" | "weak"
}

export interface Night {
  readonly name: string
  readonly about: string
  readonly arrivals: Load.Arrivals
  readonly phases: ReadonlyArray<Phase>
  /** The share of the calls that one client makes. @default what the others make */
  readonly flood?: number
  /** What it happens to alone; it is no night where nobody asks for that. @default any call */
  readonly only?: "streams"
}

/** A stream takes 1.2 seconds from its first content to its end. */
const answer = {
  text: "Your parcel left the warehouse this morning and should be with you tomorrow before noon.",
  chunks: 4,
  pause: "300 millis"
} as const

/** Within what time nineteen of twenty answers of a model begin on a good day. */
export const usualWait = "2 seconds"

/** A model on a good day. */
export const well: Behaviour.Behaviour = {
  outcome: Behaviour.stream(answer),
  latency: Behaviour.logNormal({ median: "800 millis", p95: usualWait }),
  capacity: { concurrency: 60, above: "slows" }
}

const calm = (seconds: number) => Load.poisson({ rate: 4, for: `${seconds} seconds` })

const slow: Behaviour.Behaviour = {
  ...well,
  latency: Behaviour.logNormal({ median: "15 seconds", p95: "40 seconds" })
}
const down: Behaviour.Behaviour = { outcome: Behaviour.unavailable }
const cutting: Behaviour.Behaviour = {
  ...well,
  outcome: Behaviour.mix([
    [1, Behaviour.stream(answer)],
    [1, Behaviour.stream({ ...answer, end: Behaviour.cutAfter(2) })]
  ])
}
const weak = (concurrency: number): Behaviour.Behaviour => ({ ...well, capacity: { concurrency, above: "queue" } })

const phase = (at: number, who: Victim, state: Phase["state"], behaviour: Behaviour.Behaviour): Phase => ({
  at,
  who,
  state,
  behaviour
})

export const nights: ReadonlyArray<Night> = [
  {
    name: "surge",
    about: "Fifteen times the traffic; the first model takes 15 seconds, then refuses, then recovers",
    arrivals: Load.sequence([calm(60), Load.poisson({ rate: 60, for: "3 minutes" }), calm(120)]),
    phases: [
      phase(60, "first model", "down", slow),
      phase(150, "first model", "down", down),
      phase(240, "first model", "well", well)
    ]
  },
  {
    name: "spent key",
    about: "The quota of the first key is spent; where the provider has no key, its account",
    arrivals: calm(300),
    phases: [phase(30, "first key", "down", { outcome: Behaviour.quotaExhausted })]
  },
  {
    name: "hang",
    about: "The first model takes connections and never answers, for three minutes",
    arrivals: calm(300),
    phases: [phase(60, "first model", "down", { outcome: Behaviour.hang }), phase(240, "first model", "well", well)]
  },
  {
    name: "cut streams",
    about: "Half of the streams of the first model break off after a few words, for three minutes",
    arrivals: calm(300),
    phases: [phase(60, "first model", "weak", cutting), phase(240, "first model", "well", well)],
    only: "streams"
  },
  {
    name: "flood",
    about: "One client makes twenty times the calls of all others",
    arrivals: Load.sequence([calm(30), Load.poisson({ rate: 84, for: "2 minutes" }), calm(60)]),
    phases: [],
    flood: 20 / 21
  },
  {
    name: "all down",
    about: "Every provider refuses, for three minutes",
    arrivals: calm(300),
    phases: [phase(60, "all", "down", down), phase(240, "all", "well", well)]
  },
  {
    name: "slow recovery",
    about: "The first model refuses for a minute, and then comes back with few places",
    arrivals: Load.poisson({ rate: 15, for: "5 minutes" }),
    phases: [
      phase(30, "first model", "down", down),
      phase(90, "first model", "weak", weak(3)),
      phase(150, "first model", "weak", weak(10)),
      phase(210, "first model", "well", well)
    ]
  }
]
