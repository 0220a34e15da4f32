/** Judges each claim of a scenario: by its counts, by the figures, or not at all, with a reason. */
import { present } from "../words.ts"
import type { Claim, Verdict } from "./claims.ts"
import { type Happened, missing, notReached } from "./happened.ts"
import type { Fibers } from "./fibers.ts"
import type { Span } from "./figures.ts"
import { rangeOf } from "./range.ts"
import { type Evidence, type Recent, Watch } from "./watch.ts"

/**
 * A claim and its verdict.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Judged {
  /** The claim in words. */
  readonly claim: string
  readonly verdict: Verdict
  /** The calls around the moment at which it was broken, if there is one. */
  readonly evidence: Evidence | undefined
  /** How far the share is from its limit: below 0 if it is broken; undefined if it is no claim on a share. */
  readonly margin: number | undefined
  /** What happened last in the world before its invariant was broken, one line each. */
  readonly last: ReadonlyArray<string>
}

/** Judges one claim at the end of the run. */
export interface Judge {
  readonly watch: Watch | undefined
  /** The node, if only calls to one count. */
  readonly node: string | undefined
  readonly judge: (run: Happened & { readonly fibers: Fibers | undefined }) => Judged
}

/** What a claim can be about. */
export interface Court {
  readonly phases: ReadonlyArray<Span>
  readonly providers: ReadonlyArray<string>
  readonly nodes: ReadonlyArray<string>
  /** The latest calls to a node, or of all customers. */
  readonly recentOf: (node: string | undefined) => Recent
}

/** The judge of a claim. */
export const judgeOf = (claim: Claim, { nodes, phases, providers, recentOf }: Court): Judge => {
  const judged = (verdict: Verdict, evidence?: Evidence, margin?: number): Judged => ({
    claim: claim.name,
    verdict,
    evidence,
    margin,
    last: []
  })
  const unjudged = (reason: string): Judged => judged({ _tag: "Unjudged", reason })
  const nobody = (reason: string): Judge => ({ watch: undefined, node: undefined, judge: () => unjudged(reason) })

  if (claim._tag === "Left") {
    return {
      watch: undefined,
      node: undefined,
      judge: (run) => {
        const reason = run.all.calls === 0 ? "no call was made at all" : notReached([], run)
        return reason === undefined ? judged(run.fibers!.verdict) : unjudged(reason)
      }
    }
  }
  const { node } = claim
  if (node !== undefined && !nodes.includes(node)) return nobody(`there is no node "${node}"${among(nodes)}`)
  const range = rangeOf(claim.window, phases)
  if ("reason" in range) return nobody(range.reason)
  if (claim._tag === "Own") {
    const phase = claim.window._tag === "During" ? claim.window.phase : undefined
    return {
      watch: undefined,
      node,
      judge: (run) => {
        const { all, phases } = node === undefined ? run : run.nodes.get(node)!
        const figures = phases.find(({ name }) => name === phase) ?? all
        const reason = missing(claim, { range, providers, calls: figures.calls }, run)
        return reason === undefined ? judged(claim.judge(figures)) : unjudged(reason)
      }
    }
  }
  const asked = claim.counted._tag === "Reached" ? claim.counted.provider ?? range.provider : undefined
  const all = [...providers, ...nodes]
  if (asked !== undefined && !all.includes(asked)) {
    return nobody(`there is no provider${nodes.length === 0 ? "" : " or node"} "${asked}"${among(all)}`)
  }
  const of = asked !== undefined
    ? [asked]
    : claim.counted._tag === "Late" || providers.length === 0
    ? all
    : providers
  const watch = new Watch(claim, range, of, recentOf(node))
  return {
    watch,
    node,
    judge: (run) => {
      const reason = missing(claim, { range, providers: of, calls: watch.calls, isTroubled: watch.isTroubled }, run)
      return reason === undefined ? judged(watch.verdict, watch.evidence, watch.margin) : unjudged(reason)
    }
  }
}

const among = (names: ReadonlyArray<string>): string => names.length === 0 ? "" : `; ${present(names)}`
