/** The morning after: the nights side by side, and what the faults did. */
import * as Figures from "../double-eleven/figures.ts"
import type { Paint } from "../double-eleven/paint.ts"
import type { FaultFigures, NightFigures } from "./figures.ts"
import type { Results } from "./run.ts"

type Cell = string | number

const millis = (value: number, digits = 0): string =>
  `${value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })} ms`

const seconds = (value: number | null): string => value === null ? "not seen" : Figures.seconds(value)

export const table = (
  { figures: { faults, fleet, local, redis, store }, storeOpsPerNodePerSecond }: Results,
  paint: Paint
): ReadonlyArray<string> => {
  const row = (text: string, cells: ReadonlyArray<Cell>): string =>
    text.padEnd(46) + cells.map((cell) => (typeof cell === "number" ? Figures.whole(cell) : cell).padStart(11)).join("")
  const night = (text: string, of: (night: NightFigures) => Cell) => row(text, [local, store, fleet].map(of))
  const { flushed, halfCut, killed, paused } = faults
  const fault = (text: string, of: (fault: FaultFigures) => Cell) =>
    row(text, [paused, killed, flushed, halfCut].map(of))
  return [
    paint("bold", row("", ["local", "store", "fleet"])),
    night("Calls", ({ calls }) => calls),
    night("  in vain: the provider was down", ({ badCalls }) => badCalls),
    night("  the last of those, after the collapse", ({ lastBadCallMs }) => seconds(lastBadCallMs)),
    night("Probes while the provider was down", ({ probes }) => probes),
    night("All closed, after the recovery", ({ recoveredMs }) => seconds(recoveredMs)),
    night("The guard's part of a call's time, p99", ({ callerWaitP99Ms }) => millis(callerWaitP99Ms, 2)),
    row("Redis calls of a node in a second", [
      "0",
      storeOpsPerNodePerSecond.toFixed(2),
      redis.opsPerNodePerSecond.toFixed(2)
    ]),
    row("A message of a node, p50", ["", "", millis(redis.syncP50Ms, 2)]),
    row("A message of a node, p99", ["", "", millis(redis.syncP99Ms, 2)]),
    row("From a change to its push, p99", ["", "", millis(redis.pushP99Ms, 2)]),
    "",
    paint("bold", row("The fleet, when its Redis is", ["paused", "killed", "flushed", "halfCut"])),
    fault("Customers who saw an error", ({ customersWithError }) => customersWithError),
    fault("Calls in vain", ({ badCalls }) => badCalls),
    fault("Nodes that closed too early", ({ closedTooEarly }) => closedTooEarly),
    fault("All nodes were answered again after", ({ rejoinedMs }) => seconds(rejoinedMs)),
    fault("Messages executed late, the most of a node", ({ executedLate }) => executedLate),
    "",
    "The store's probes are one an opening, and one good probe closes it. A late message is older than 2 s: it counts for nothing."
  ]
}
