/** The nights told line by line, while they are played. */
import { now } from "./clock.ts"
import type { Change, State } from "./messages.ts"
import { nightOf } from "./scenario.ts"
import type { Audience, Plan, Staged } from "./run.ts"

const titles: Readonly<Record<string, string>> = {
  local: "Local breakers: each node finds out by itself",
  store: "Effect's own breaker over its Redis store: each call asks Redis",
  fleet: "A fleet: nodes tell Redis what they have counted, and no call waits for it"
}

const often = 1000

export interface Lines extends Audience {
  /** Tells no more. */
  readonly end: () => void
}

/** Tells what happens, and how it goes once a second. */
export const lines = (plan: Plan, print: (line: string) => void): Lines => {
  let playing: ReadonlyArray<Staged> = []
  let beganAt = 0
  let isDown = false
  const states = new Map<string, State>()
  const said = (line: string) => print(`${clock(now() - beganAt)}  ${line}`)
  const open = (night: string): number =>
    Array.from({ length: plan.nodes }, (_, node) => states.get(`${night}/${node}`))
      .filter((state) => state !== undefined && state !== "Closed").length
  const tick = () => {
    const at = now() - beganAt
    const [first] = playing
    if (first === undefined || at < 0 || at > first.night.until + often) return
    const wasDown = isDown
    isDown = at >= first.night.from && at < first.night.to
    if (isDown !== wasDown) said(isDown ? "── the provider collapses" : "── the provider is well again")
    const how = ({ name, seen }: Staged) =>
      `${playing.length > 1 ? `${name}: ` : ""}${seen.calls} calls, ${seen.bad} in vain${
        name === "store" ? "" : `, ${open(name)} of ${plan.nodes} circuits open`
      }`
    said(playing.map(how).join("; "))
  }
  const timer = setInterval(tick, often)
  return {
    says: (line) => playing.length > 0 ? said(line) : print(line),
    begins: (nights, startsAt) => {
      playing = nights
      beganAt = startsAt
      isDown = false
      states.clear()
      print("")
      print(
        titles[nights[0]!.name] ?? "The fleet again, while something happens to its Redis: four nights at the same time"
      )
    },
    changed: (night: string, node: number, change: Change) => {
      const before = open(night)
      states.set(`${night}/${node}`, change.to)
      const after = open(night)
      if (before === 0 && after > 0) said(`${label(playing, night)}the first circuit opens: that of node ${node + 1}`)
      if (before < plan.nodes && after === plan.nodes) said(`${label(playing, night)}all circuits are open`)
      if (before > 0 && after === 0) said(`${label(playing, night)}all circuits are closed`)
    },
    end: () => clearInterval(timer)
  }
}

const label = (playing: ReadonlyArray<Staged>, night: string): string => playing.length > 1 ? `${night}: ` : ""

const clock = (millis: number): string => `${(Math.max(0, millis) / 1000).toFixed(1)} s`.padStart(6)

/** Nobody listens. */
export const silent: Audience = { says: () => {}, begins: () => {}, changed: () => {} }

/** What the nights are, and what of them is shorter than that of `docs/fleet.md`. */
export const heading = ({ nodes, seed, seconds }: Plan): ReadonlyArray<string> => {
  const { from, openFor, to } = nightOf(seconds)
  const s = (millis: number) => `${Number((millis / 1000).toFixed(1))} s`
  return [
    `${nodes} nodes, 100 calls a second in all, of which the first node gets most. Seed ${seed}.`,
    `Each night lasts ${seconds} s. The provider is down from ${s(from)} to ${s(to)}, and a circuit stays open for ${
      s(openFor)
    }.`,
    "In the night of docs/fleet.md it is down for 45 s, and circuits stay open for 10 s. Nothing else is shorter."
  ]
}
