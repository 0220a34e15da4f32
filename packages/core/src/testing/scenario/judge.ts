/** Judges each claim of a scenario: by its counts, by the figures, or not at all, with a reason. */
import { present } from "../words.ts"
import type { Claim, Verdict } from "./claims.ts"
import type { Figures, Span } from "./figures.ts"
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
}

/** Judges one claim at the end of the run, with the figures of a phase or, without a name, of all calls. */
export interface Judge {
  readonly watch: Watch | undefined
  readonly judge: (figuresOf: (phase: string | undefined) => Figures) => Judged
}

/** The judge of a claim. */
export const judgeOf = (
  claim: Claim,
  phases: ReadonlyArray<Span>,
  providers: ReadonlyArray<string>,
  recent: Recent
): Judge => {
  const judged = (verdict: Verdict, evidence?: Evidence): Judged => ({ claim: claim.name, verdict, evidence })
  const nobody = (reason: string): Judge => ({ watch: undefined, judge: () => judged({ _tag: "Unjudged", reason }) })

  const range = rangeOf(claim.window, phases)
  if ("reason" in range) return nobody(range.reason)
  if (claim._tag === "Own") {
    const phase = claim.window._tag === "During" ? claim.window.phase : undefined
    return {
      watch: undefined,
      judge: (figuresOf) => {
        const figures = figuresOf(phase)
        const reason = `no call was made ${range.told}`
        return judged(figures.calls === 0 ? { _tag: "Unjudged", reason } : claim.judge(figures))
      }
    }
  }
  const asked = claim.counted._tag === "Reached" ? claim.counted.provider ?? range.provider : undefined
  if (asked !== undefined && !providers.includes(asked)) {
    return nobody(`there is no provider "${asked}"; ${present(providers)}`)
  }
  const watch = new Watch(claim, range, asked === undefined ? providers : [asked], recent)
  return { watch, judge: () => judged(watch.verdict, watch.evidence) }
}
