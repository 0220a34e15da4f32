/** Faults in words, for traces, counterexamples and claims. */
import * as Duration from "effect/Duration"
import { formatDuration } from "../../internal/data/formatDuration.ts"
import { moment } from "../words.ts"
import type { Fault, LinkOptions, Names, Script } from "./model.ts"
import { lasts, listOf } from "./rules.ts"

/** What happens, without its time. */
export const sentence = (fault: Fault): string => {
  if ("crash" in fault) return `crash ${list(fault.crash)}`
  if ("stop" in fault) return `stop ${list(fault.stop)}`
  if ("restart" in fault) return `restart ${list(fault.restart)}`
  if ("pause" in fault) return `pause ${list(fault.pause)}`
  if ("resume" in fault) return `resume ${list(fault.resume)}`
  if ("heal" in fault) return `heal ${list(fault.heal)}`
  if ("partition" in fault) {
    const { direction = "both", from, inFlight = "lost", partition } = fault
    const side = from === undefined ? "all others" : list(from)
    const way = direction === "both" ? "" : `, ${direction} only`
    return `partition ${list(partition)} from ${side}${way}${inFlight === "lost" ? "" : ", in flight delivered"}`
  }
  if ("skew" in fault) {
    const { drift, offset } = fault
    const jump = offset === undefined ? [] : [`by ${duration(offset)}`]
    const rate = drift === undefined ? [] : [`to a drift of ${drift}`]
    return `skew ${list(fault.skew)} ${[...jump, ...rate].join(", ")}`.trimEnd()
  }
  const { degrade, to } = fault
  return `degrade ${list(degrade)} to ${to === undefined ? "all others" : list(to)}${changes(fault)}`
}

/** One line for each fault, with its time and how long it lasts. */
export const lines = (script: Script): ReadonlyArray<string> =>
  script.map((fault) => {
    const millis = lasts(fault)
    const at = moment(Duration.toMillis(Duration.fromInputUnsafe(fault.at)))
    return `${at}  ${sentence(fault)}${millis === Infinity ? "" : `, for ${duration(millis)}`}`
  })

const list = (names: Names): string => listOf(names).join(", ")

const duration = (input: Duration.Input): string => formatDuration(Duration.fromInputUnsafe(input))

const changes = ({ duplicates, latency, order, replyLoss, requestLoss }: LinkOptions): string =>
  Object.entries({ latency, requestLoss, replyLoss, duplicates, order })
    .filter(([, value]) => value !== undefined)
    .map(([field, value]) => `, ${field} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join("")
