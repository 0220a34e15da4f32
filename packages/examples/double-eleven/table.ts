/** The morning after: both lanes side by side. */
import { Duration } from "effect"
import * as Figures from "./figures.ts"
import type { Change } from "./ledger.ts"
import type { Paint } from "./paint.ts"
import type { LaneReport, Reports } from "./report.ts"
import { models, played, primary, promise, speed } from "./scenario.ts"

/** The table and what it says, as lines. */
export const table = ({ bare, protected: guarded }: Reports, paint: Paint): ReadonlyArray<string> => {
  const heading = (text: string) => paint("bold", text)
  const row = (text: string, of: (lane: LaneReport) => string, note: string = ""): string =>
    `${text.padEnd(36)}${of(bare).padStart(9)}${of(guarded).padStart(11)}${paint("dim", note && `   ${note}`)}`
  const count = (text: string, of: (lane: LaneReport) => number, note?: string): string =>
    row(text, (lane) => Figures.whole(of(lane)), note)
  const wait = (text: string, of: (lane: LaneReport) => number, note?: string) =>
    row(text, (lane) => `${Figures.whole(of(lane))} ms`, note)
  const steps = [...models, "cache", "canned"]
  return [
    heading(row("", (lane) => lane === bare ? "bare" : "protected")),
    count("Customers who asked", ({ calls }) => calls),
    count("  answered", ({ answered }) => answered),
    row("  saw an error", (lane) => {
      const text = Figures.whole(lane.errors).padStart(lane === bare ? 9 : 11)
      return paint(lane.errors > 0 ? "bad" : "good", text)
    }, tags(bare)),
    "",
    heading("How long they waited"),
    wait("  p50", ({ p50Ms }) => p50Ms),
    wait("  p95", ({ p95Ms }) => p95Ms),
    wait(
      "  p99",
      ({ p99Ms }) => p99Ms,
      `target: ${Figures.whole(Duration.toMillis(played(promise)))} ms`
    ),
    "",
    heading("What they got"),
    count("  what they asked for (none)", ({ degradation }) => degradation.none),
    count("  another model's answer (fallback)", ({ degradation }) => degradation.fallback),
    count("  a stale cached answer (stale)", ({ degradation }) => degradation.stale),
    count("  a canned reply (canned)", ({ degradation }) => degradation.canned),
    "",
    heading("Who gave it"),
    ...steps.map((step) => count(`  ${step}`, (lane) => lane.steps[step] ?? 0)),
    "",
    heading("Calls that reached the provider"),
    count("  all", ({ upstreamCalls }) => upstreamCalls),
    ...models.map((model) => count(`  ${model}`, (lane) => lane.upstreamCallsByModel[model] ?? 0)),
    count(
      `  ${primary} while it was down`,
      ({ primaryCallsWhileDown }) => primaryCallsWhileDown,
      Figures.share(guarded.primaryCallsWhileDown, bare.primaryCallsWhileDown)
    ),
    "",
    row(
      "Time to recover",
      ({ recoveredAfterMs }) => recoveredAfterMs === null ? "never" : Figures.seconds(recoveredAfterMs),
      `until ${primary} was used again`
    ),
    "",
    `${heading("Circuits of the protected group")}   ${
      paint("dim", `${marks.Open} opens  ${marks.HalfOpen} probes  ${marks.Closed} closes`)
    }`,
    ...models.flatMap((model) => circuit(model, guarded.transitions)),
    "",
    `Replayed ${speed} times faster than the incident: 1 s here was ${speed} s then.`
  ]
}

const marks: Partial<Record<Change["to"], string>> = { Open: "○", HalfOpen: "◐", Closed: "●" }

const changesInALine = 8

/** All changes of one circuit, in as many lines as they need. */
const circuit = (model: string, transitions: ReadonlyArray<Change>): ReadonlyArray<string> => {
  const changes = transitions.filter((change) => change.model === model).map(({ atMs, to }) =>
    `${(atMs / 1000).toFixed(1).padStart(4)} ${marks[to] ?? to}`
  )
  if (changes.length === 0) return [`  ${model.padEnd(20)}never opened`]
  return Array.from(
    { length: Math.ceil(changes.length / changesInALine) },
    (_, i) =>
      `  ${(i === 0 ? model : "").padEnd(19)}${changes.slice(i * changesInALine, (i + 1) * changesInALine).join(" ")}`
  )
}

const tags = ({ errorsByTag }: LaneReport): string =>
  Object.entries(errorsByTag).map(([tag, count]) => `${tag} ${Figures.whole(count)}`).join(", ")
