/** Checks what happens to nodes, clocks and links, and turns durations into milliseconds. */
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import type * as Random from "effect/Random"
import type { OptionsOf } from "../../internal/config/checks.ts"
import { checkLatency } from "../latency/check.ts"
import * as Latency from "../Latency.ts"
import { present } from "../words.ts"
import type { Fault, LinkOptions, Names, Script, SkewOptions, TimedFault } from "./model.ts"

/** Checked {@link LinkOptions}. */
export interface LinkRules {
  readonly latency: (random: Random.Random) => number
  readonly requestLoss: number
  readonly replyLoss: number
  readonly duplicates: number
  readonly order: "any" | "sent"
}

/** What is given of the options of a link. */
export const linkRules = (of: OptionsOf, link: LinkOptions): Partial<LinkRules> => {
  const { duplicates, latency, order, replyLoss, requestLoss } = link
  return {
    ...latency === undefined ? {} : { latency: samplerOf(of, latency) },
    ...requestLoss === undefined ? {} : { requestLoss: share(of, "requestLoss", requestLoss) },
    ...replyLoss === undefined ? {} : { replyLoss: share(of, "replyLoss", replyLoss) },
    ...duplicates === undefined ? {} : { duplicates: share(of, "duplicates", duplicates) },
    ...order === undefined ? {} : { order: of.oneOf("order", order, ["any", "sent"]) }
  }
}

/** The fields of a link that are rates. */
export const rates = ["requestLoss", "replyLoss", "duplicates"]

const linkFields = ["latency", ...rates, "order"]

/** All rules of a link; what is not given has its default. */
export const wholeLink = (of: OptionsOf, link: LinkOptions): LinkRules => {
  of.known(link, linkFields)
  return { latency: () => 1, requestLoss: 0, replyLoss: 0, duplicates: 0, order: "any", ...linkRules(of, link) }
}

const samplerOf = (of: OptionsOf, latency: Duration.Input | Latency.Latency): LinkRules["latency"] => {
  const model = Predicate.hasProperty(latency, "_tag") && !Duration.isDuration(latency)
    ? latency as Latency.Latency
    : Latency.constant(Duration.millis(of.delay("latency", latency as Duration.Input)))
  checkLatency(of, "latency", model)
  return Latency.sampler(model)
}

const share = (of: OptionsOf, field: string, value: number): number =>
  value >= 0 && value <= 1 ? value : of.refuse(field, "from 0 to 1", value)

/** A skew in milliseconds, and as a rate if the rate changes. */
export const skewOf = (
  of: OptionsOf,
  { drift, offset }: SkewOptions
): { offset: number; drift: number | undefined } => ({
  offset: offset === undefined ? 0 : signed(of, offset),
  drift: drift === undefined || (Number.isFinite(drift) && drift > -1)
    ? drift
    : of.refuse("drift", "a number above -1", drift)
})

const signed = (of: OptionsOf, offset: Duration.Input): number => {
  const duration = Duration.fromInput(offset)
  const millis = duration._tag === "None" ? NaN : Duration.toMillis(duration.value)
  return Number.isFinite(millis) ? millis : of.refuse("offset", "a finite duration", offset)
}

/** The fields of each kind of fault; the first is the kind. */
const kinds: ReadonlyArray<readonly [kind: string, ...fields: ReadonlyArray<string>]> = [
  ["crash", "for"],
  ["stop", "for"],
  ["restart"],
  ["pause", "for"],
  ["resume"],
  ["partition", "from", "direction", "inFlight", "for"],
  ["heal"],
  ["skew", "offset", "drift"],
  ["degrade", "to", "for", ...linkFields]
]

export const listOf = (names: Names): ReadonlyArray<string> => typeof names === "string" ? [names] : names

/** The nodes that a fault names, by field. */
const named = (fault: Fault): ReadonlyArray<readonly [field: string, names: Names]> =>
  Object.entries(fault).filter(([field, names]) => places.includes(field) && names !== undefined)

/** The fields that name nodes. */
export const places: ReadonlyArray<string> = [...kinds.map(([kind]) => kind), "from", "to"]

/** Checks one fault; throws a `RangeError` that names what is wrong. */
export const checkFault = (of: OptionsOf, fault: Fault): void => {
  const kind = kinds.find(([name]) => name in fault)
  if (kind === undefined) return of.refuse("a fault", `one of ${kinds.map(([name]) => name).join(", ")}`, fault)
  of.known(fault, ["at", "name", ...kind])
  for (const [field, names] of named(fault)) {
    if (listOf(names).length === 0) of.refuse(field, "at least one node", names)
  }
  if ("for" in fault && fault.for !== undefined) of.positive("for", fault.for)
  if ("direction" in fault && fault.direction !== undefined) {
    of.oneOf("direction", fault.direction, ["both", "outgoing", "incoming"])
  }
  if ("inFlight" in fault && fault.inFlight !== undefined) of.oneOf("inFlight", fault.inFlight, ["lost", "delivered"])
  if ("skew" in fault) skewOf(of, fault)
  if ("degrade" in fault) linkRules(of, fault)
}

/** Checks that a fault is about nodes that exist. */
export const checkNames = (of: OptionsOf, fault: Fault, nodes: ReadonlyArray<string>): void => {
  for (const [field, names] of named(fault)) {
    for (const name of listOf(names)) {
      if (!nodes.includes(name)) of.refuse(field, `a node: ${present(nodes)}`, name)
    }
  }
  // Without others, it would do nothing, and whatever it is to show would be shown by silence.
  const hasOthers = (field: string, names: Names, others: Names | undefined): void => {
    if (others === undefined && nodes.every((node) => listOf(names).includes(node))) {
      of.refuse(field, "some of the nodes, and not all", names)
    }
  }
  if ("partition" in fault) hasOthers("partition", fault.partition, fault.from)
  if ("degrade" in fault) hasOthers("degrade", fault.degrade, fault.to)
}

/** Checks the faults of a script, and their nodes if these are known; throws a `RangeError` that names the place. */
export const checkScript = (of: OptionsOf, script: Script, nodes?: ReadonlyArray<string>): void => {
  for (const [index, fault] of script.entries()) {
    const place = of.within(`script[${index}]`)
    checkFault(place, fault)
    if (nodes !== undefined) checkNames(place, fault, nodes)
  }
  inOrder(of, script)
}

/** Checks the times of a script, and returns its faults in the order in which they begin. */
export const inOrder = (of: OptionsOf, script: Script): ReadonlyArray<{ at: number; fault: TimedFault }> =>
  script
    .map((fault, index) => ({ at: of.within(`script[${index}]`).delay("at", fault.at), fault }))
    .sort((a, b) => a.at - b.at)

/** The number of milliseconds that a fault lasts; infinite if it has no end of its own. */
export const lasts = (fault: Fault): number =>
  "for" in fault && fault.for !== undefined ? Duration.toMillis(Duration.fromInputUnsafe(fault.for)) : Infinity
