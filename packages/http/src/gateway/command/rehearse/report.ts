/** What a rehearsal found, as `report.json` has it and the page shows it. The same file and seed give the same bytes. */
import type { Config } from "../../config/model.ts"
import type { Kind } from "./kinds.ts"
import type { Figures } from "./model.ts"
import { brokenIn, type Promised, valueOf } from "./promises.ts"
import { remedyOf } from "./remedies.ts"

export interface Report {
  readonly version: 1
  /** The cascade or the model. */
  readonly target: string
  /** How customers asked. */
  readonly kinds: ReadonlyArray<string>
  readonly seed: string
  readonly promises: ReadonlyArray<string>
  /** Milliseconds; null where nothing is promised of it. */
  readonly promisedP95: number | null
  readonly nights: ReadonlyArray<NightReport>
}

export interface NightReport extends Figures {
  /** What was of each promise; null of what nothing happened to. */
  readonly values: ReadonlyArray<{ readonly promise: string; readonly figure: string; readonly value: number | null }>
  /** The first to break first. */
  readonly broken: ReadonlyArray<BrokenReport>
}

export interface BrokenReport {
  readonly promise: string
  readonly figure: string
  readonly value: number
  /** Seconds of the night; null for what is known at its end alone. */
  readonly since: number | null
  /** The option that mends it. */
  readonly remedy: string
}

export interface Rehearsed {
  readonly config: Config
  readonly target: string
  readonly kinds: ReadonlyArray<Kind>
  readonly seed: string
  readonly promises: ReadonlyArray<Promised>
}

export const reportOf = (
  { config, kinds, promises, seed, target }: Rehearsed,
  nights: ReadonlyArray<Figures>
): Report => ({
  version: 1,
  target,
  kinds: kinds.map(({ name }) => name),
  seed,
  promises: promises.map(({ text }) => text),
  promisedP95: promises.find(({ figure }) => figure === "p95")?.bound ?? null,
  nights: nights.map((figures) => ({
    ...figures,
    values: promises.map(({ figure, text }) => ({ promise: text, figure, value: valueOf(figures, figure) ?? null })),
    broken: brokenIn(figures, promises).map((one) => ({
      promise: one.promised.text,
      figure: one.promised.figure,
      value: one.value,
      since: one.since ?? null,
      remedy: remedyOf(one, figures, config, target)
    }))
  }))
})
