/** The nights told line by line, while they are played. */
import { now } from "./clock.ts"
import type { State } from "./messages.ts"
import type { Audience, Plan, Staged } from "./run.ts"
import { callsPerSecond, longestAfter, nightOf } from "./scenario.ts"

const titles: Readonly<Record<string, string>> = {
  local: "Local breakers: each node finds out by itself.",
  store: "Effect's own breaker over its Redis store: every call asks Redis twice.",
  fleet: "A fleet: nodes tell Redis what they have counted, and no call waits for it."
}

const faults = "The fleet again, while something happens to its Redis: four nights at the same time."

/** Milliseconds between two lines that say how it goes. */
const often = 1000

/** Tells what happens, and how it goes once a second. */
export const lines = (plan: Plan, print: (line: string) => void): Audience => {
  let playing: ReadonlyArray<Staged> = []
  let beganAt = 0
  let timers: ReadonlyArray<NodeJS.Timeout> = []
  const states = new Map<string, State>()
  const said = (line: string) => print(`${clock(now() - beganAt)}  ${line}`)
  const open = (night: string): number =>
    Array.from({ length: plan.nodes }, (_, node) => states.get(`${night}/${node}`))
      .filter((state) => state !== undefined && state !== "Closed").length
  const label = (night: string) => playing.length > 1 ? `${night}: ` : ""
  const how = ({ name, seen }: Staged): string => {
    const calls = `${label(name)}${seen.calls} calls, ${seen.bad} in vain`
    return name === "store" ? calls : `${calls}, ${open(name)} of ${plan.nodes} open`
  }
  return {
    ends: () => timers.forEach((timer) => clearTimeout(timer)),
    says: (line) => playing.length > 0 ? said(line) : print(line),
    begins: (nights, startsAt) => {
      playing = nights
      beganAt = startsAt
      states.clear()
      print("")
      print(titles[nights[0]!.name] ?? faults)
      const { from, to, until } = nights[0]!.night
      const at = (millis: number, line: () => string) =>
        setTimeout(() => said(line()), Math.max(0, startsAt + millis - now()))
      timers = [
        at(from, () => "── the provider collapses"),
        at(to, () => "── the provider is well again"),
        ...Array.from(
          { length: Math.floor((until + longestAfter) / often) },
          (_, i) => at((i + 1) * often, () => nights.map(how).join(" | "))
        )
      ]
    },
    changed: (night, node, { to }) => {
      const before = open(night)
      states.set(`${night}/${node}`, to)
      // The platform's store has one circuit for all: a node tells only of what it did to it itself.
      if (night === "store") return said(`node ${node + 1}: ${to}`)
      const after = open(night)
      if (before === 0 && after > 0) said(`${label(night)}the first circuit opens, that of node ${node + 1}`)
      if (before < plan.nodes && after === plan.nodes) said(`${label(night)}all circuits are open`)
      if (before > 0 && after === 0) said(`${label(night)}all circuits are closed`)
    }
  }
}

const clock = (millis: number): string => `${(Math.max(0, millis) / 1000).toFixed(1)} s`.padStart(6)

/** Nobody listens. */
export const silent: Audience = { says: () => {}, begins: () => {}, ends: () => {}, changed: () => {} }

/** What the nights are, and what of them is shorter than in that of `docs/fleet.md`. */
export const heading = ({ nodes, seconds, seed }: Plan): ReadonlyArray<string> => {
  const { from, openFor, to } = nightOf(seconds)
  const s = (millis: number) => `${Number((millis / 1000).toFixed(1))} s`
  return [
    `${nodes} nodes, ${callsPerSecond} calls a second in all: the first node gets most, the last one least. Seed ${seed}.`,
    `Each night is ${seconds} s long. After ${s(from)}, the provider is down for ${s(to - from)}. An opening lasts ${
      s(openFor)
    }.`,
    "In the night of docs/fleet.md it is down for 45 s after 20 s, and an opening lasts 10 s. The rest is the same."
  ]
}
