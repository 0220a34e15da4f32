/** What came of the nights, in numbers: what `--json` prints. Times are in milliseconds. */
import type { Change, Played } from "./messages.ts"
import type { Seen } from "./provider.ts"
import { longestWay, type Night } from "./scenario.ts"

/** A night with one way of guarding. */
export interface NightFigures {
  readonly nodes: number
  /** Customers who asked. */
  readonly calls: number
  /** Calls that reached the provider while it was down and were no probes. */
  readonly badCalls: number
  /** When the last of them came, since the collapse. */
  readonly lastBadCallMs: number
  /** Probes that reached the provider while it was down. */
  readonly probes: number
  /** From the recovery of the provider until no circuit is open; null where that did not happen within the night. */
  readonly recoveredMs: number | null
  /** How much longer a call took than its work. */
  readonly callerWaitP99Ms: number
}

/** What the fleet asks of Redis. */
export interface RedisFigures {
  readonly opsPerNodePerSecond: number
  readonly syncP50Ms: number
  readonly syncP99Ms: number
  /** From the sending of the message that made the change until another node was told of it. */
  readonly pushP99Ms: number
}

/** A night of a fleet to whose Redis something happens. */
export interface FaultFigures {
  /** Customers who got neither an answer nor the canned reply within three seconds. */
  readonly customersWithError: number
  readonly badCalls: number
  /** Nodes whose circuit closed while the provider was down. */
  readonly closedTooEarly: number
  /** From the end of the fault until Redis had answered all nodes that it reached; null where that took longer than the night. */
  readonly rejoinedMs: number | null
  /** Messages that Redis executed more than two seconds after they were sent, when they count for nothing: the most of one node. */
  readonly executedLate: number
}

export interface Figures {
  readonly local: NightFigures
  readonly store: NightFigures
  readonly fleet: NightFigures
  readonly redis: RedisFigures
  readonly faults: {
    readonly paused: FaultFigures
    readonly killed: FaultFigures
    readonly flushed: FaultFigures
    readonly halfCut: FaultFigures
  }
}

/** A night as all nodes and the provider have seen it. */
export interface Told {
  readonly night: Night
  readonly startsAt: number
  readonly nodes: ReadonlyArray<Played>
  readonly seen: Seen
}

const rounded = (value: number, digits = 0): number => Number(value.toFixed(digits))

/** The value that this share of the samples does not exceed. Nothing has no such value: that is zero. */
export const quantile = (samples: ReadonlyArray<number>, share: number): number => {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
}

const sum = (values: ReadonlyArray<number>): number => values.reduce((a, b) => a + b, 0)

/** When it was last closed, where it ever opened: undefined where it did not, and infinite where it is not closed. */
const closedAt = (changes: ReadonlyArray<Change>): number | undefined => {
  const last = changes.at(-1)
  return last && (last.to === "Closed" ? last.at : Infinity)
}

/** The circuit that all nodes share is closed when the node closes it that has the probe. */
const closings = (nodes: ReadonlyArray<Played>, isOne: boolean): ReadonlyArray<number> => {
  const changes = nodes.map(({ changes }) => changes)
  return (isOne ? [changes.flat().toSorted((a, b) => a.at - b.at)] : changes)
    .map(closedAt).filter((at) => at !== undefined)
}

export const nightFigures = ({ night, nodes, seen, startsAt }: Told, circuits: "one" | "many"): NightFigures => {
  const recovered = Math.max(0, ...closings(nodes, circuits === "one").map((at) => at - startsAt - night.to))
  return {
    nodes: nodes.length,
    calls: sum(nodes.map(({ calls }) => calls)),
    badCalls: seen.bad,
    lastBadCallMs: rounded(seen.lastBad),
    probes: seen.probes,
    recoveredMs: Number.isFinite(recovered) ? rounded(recovered) : null,
    callerWaitP99Ms: rounded(quantile(nodes.flatMap(({ waits }) => waits), 0.99), 2)
  }
}

/** From the sending of the message that made a change until another node heard of it, for each change and node. */
const pushes = (nodes: ReadonlyArray<Played>): ReadonlyArray<number> => {
  const all = nodes.flatMap(({ epochs }) => epochs)
  const firstAsked = new Map<number, number>()
  for (const { askedAt, epoch } of all) {
    if (askedAt !== undefined) firstAsked.set(epoch, Math.min(askedAt, firstAsked.get(epoch) ?? Infinity))
  }
  return all.flatMap(({ epoch, pushedAt }) => {
    const askedAt = firstAsked.get(epoch)
    return askedAt === undefined || pushedAt === undefined ? [] : [Math.max(0, pushedAt - askedAt)]
  })
}

/** Answers to what was sent in the night: what came before was sent by all processes at once, while they were built. */
const answersIn = (startsAt: number, { answers }: Played) => answers.filter(({ sentAt }) => sentAt >= startsAt)

export const redisFigures = ({ night, nodes, startsAt }: Told, operations: number): RedisFigures => {
  const syncs = nodes.flatMap((node) => answersIn(startsAt, node)).map(({ at, sentAt }) => at - sentAt)
  return {
    opsPerNodePerSecond: rounded(operations / nodes.length / (night.until / 1000), 2),
    syncP50Ms: rounded(quantile(syncs, 0.5), 2),
    syncP99Ms: rounded(quantile(syncs, 0.99), 2),
    pushP99Ms: rounded(quantile(pushes(nodes), 0.99), 2)
  }
}

/** `overAt` is when the fault was over, and `reaches` says which nodes it was a fault for. */
export const faultFigures = (
  { night, nodes, seen, startsAt }: Told,
  { overAt, reaches }: { readonly overAt: number; readonly reaches: (node: number) => boolean }
): FaultFigures => {
  const isDown = (at: number) => at >= startsAt + night.from && at < startsAt + night.to
  const rejoined = Math.max(
    ...nodes.filter((_, node) => reaches(node)).map(({ answers }) =>
      answers.find(({ at }) => at >= overAt)?.at ?? Infinity
    )
  )
  return {
    customersWithError: sum(nodes.map(({ errors }) => errors)),
    badCalls: seen.bad,
    closedTooEarly: nodes.filter(({ changes }) => changes.some(({ at, to }) => to === "Closed" && isDown(at))).length,
    rejoinedMs: Number.isFinite(rejoined) ? rounded(rejoined - overAt) : null,
    executedLate: Math.max(
      ...nodes.map((node) => answersIn(startsAt, node).filter(({ at, sentAt }) => at - sentAt > longestWay).length)
    )
  }
}
