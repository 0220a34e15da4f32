/**
 * Whether what a claim speaks about has happened. A claim that nothing could have broken means nothing, and is not
 * judged.
 */
import { count, counted, quoted } from "../words.ts"
import { firstClass, type Own, type Share } from "./claims.ts"
import type { Figures } from "./figures.ts"
import { unknownOutcome } from "./outcomes.ts"
import type { Range } from "./range.ts"

/** What is known of a run when its claims are judged. */
export interface Happened {
  readonly all: Figures
  readonly phases: ReadonlyArray<Figures>
  /** The calls of customers to each node, in all and by phase. */
  readonly nodes: ReadonlyMap<string, { readonly all: Figures; readonly phases: ReadonlyArray<Figures> }>
  readonly outcomes: ReadonlySet<string>
  /** The phases in which a provider did nothing to any call, not even with a latency or a capacity. */
  readonly harmless: ReadonlySet<string>
}

/** Why the claim cannot be judged, if so. `calls` are those in its range; `providers` are those that it asks about. */
export const missing = (
  claim: Share | Own,
  { calls, isTroubled = false, providers, range }: {
    readonly calls: number
    /** Whether a call after the phase of the claim, in its range or before it, did not count. */
    readonly isTroubled?: boolean
    readonly providers: ReadonlyArray<string>
    readonly range: Range
  },
  run: Happened
): string | undefined => {
  const told = claim.node === undefined ? range.told : `to "${claim.node}" ${range.told}`
  if (calls === 0) return `no call was made ${told}`
  if (calls < claim.atLeastCalls) {
    return `only ${counted(calls, "call")} ${calls === 1 ? "was" : "were"} made ${told}, ` +
      `and it takes ${count(claim.atLeastCalls)}`
  }
  const { window } = claim
  const before = window._tag === "After" ? run.phases.find(({ name }) => name === window.phase) : undefined
  const asked = claim._tag === "Share" && claim.counted._tag === "Reached" && claim.bound.atMost !== 0 ? providers : []
  return notReached(asked, run) ??
    (before && nothingIn(before, run, isTroubled)) ??
    (claim.window._tag === "Run" ? notMet(run) : undefined) ??
    (claim._tag === "Share" && claim.counted._tag === "Outcome"
      ? unknownOutcome(claim.counted.outcome, run.outcomes, seenIn(claim, run).outcomes)
      : undefined)
}

const seenIn = ({ node }: Share, { all, nodes }: Happened): Figures => node === undefined ? all : nodes.get(node)!.all

/** Why there is nothing to recover from after a phase, if so. */
const nothingIn = (
  { calls, from, name, outcomes, to }: Figures,
  { harmless }: Happened,
  isTroubled: boolean
): string | undefined => {
  const why = calls === 0 && to > from
    ? `no call was made during "${name}"`
    : !isTroubled && harmless.has(name) && outcomes[firstClass] === calls
    ? `all calls during "${name}" ended as ${firstClass}, and nothing was done to any`
    : undefined
  return why && `${why}, so that there is nothing to recover from`
}

export const notReached = (asked: ReadonlyArray<string>, { all: { reached }, nodes }: Happened): string | undefined => {
  const names = Object.keys(reached)
  if (names.every((name) => reached[name] === 0)) {
    return nodes.size === 0
      ? "no call reached a provider in the whole run. Does the policy use the provider that it gets?"
      : "no customer called a node in the whole run. Does the policy call the world that it gets?"
  }
  return asked.length === 1 && reached[asked[0]!] === 0
    ? `no call reached ${quoted(asked)} in the whole run`
    : undefined
}

/**
 * A phase of a provider in which nothing was called is not part of the run, whatever the scenario says, and neither is a
 * fault that begins when all calls have ended.
 */
const notMet = ({ all, phases }: Happened): string | undefined => {
  const after = phases.filter(({ from, of }) => of === "fault" && from >= all.to).map(({ name }) => name)
  if (after.length > 0) {
    return `${quoted(after)} began after all calls had ended, so that this is not the whole scenario. ` +
      "Let the load last longer, or claim it of a phase"
  }
  const unmet = phases.filter(({ calls, provider, reached }) =>
    provider !== undefined && calls === 0 && reached[provider] === 0
  ).map(({ name }) => name)
  return unmet.length === 0
    ? undefined
    : `nothing was called during ${quoted(unmet)}, so that this is not the whole scenario. ` +
      "Let the load last longer, or claim it of a phase"
}
