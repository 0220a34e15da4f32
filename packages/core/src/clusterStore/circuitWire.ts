/** Messages about circuits as arguments of the script, and its answers. What Redis says is checked: anybody may write there. */
import { mostPushed } from "./bounds.ts"
import { type CircuitCall, type CircuitReply, keptFor, longestOpening } from "./circuitCall.ts"
import {
  areCircuitTerms,
  type CircuitAnswer,
  type CircuitEvent,
  type CircuitMessage,
  type FleetReason,
  type FleetState,
  type Wish,
  writtenTerms
} from "./circuitModel.ts"

/** Keys and arguments of the script. `tag` begins all keys of the fleet, in braces. */
export const callArguments = (tag: string, call: CircuitCall): ReadonlyArray<string> => [
  String(2 + call.circuits.length),
  `${tag}:nodes`,
  `${tag}:seq`,
  ...call.circuits.map(([circuit]) => `${circuitPrefix(tag)}${circuit}`),
  call.node,
  `${tag}:events`,
  ...[call.goneAfter, call.said, call.longestWay, call.holdFor, keptFor].map(String),
  ...call.circuits.flatMap(([, message]) => circuitArguments(message))
]

/** With what the key of a circuit begins. */
export const circuitPrefix = (tag: string): string => `${tag}:c:`

/** What the script answers to a call; undefined where that is no such answer. */
export const circuitReply = (told: unknown, { circuits }: CircuitCall): CircuitReply | undefined => {
  if (!Array.isArray(told) || told.length !== 3 + 2 * circuits.length) return undefined
  const now = wholeNumber(told[0])
  const nodes = wholeNumber(told[1])
  const sequence = wholeNumber(told[2])
  if (now === undefined || nodes === undefined || sequence === undefined) return undefined
  const answers: Array<CircuitAnswer> = []
  for (let at = 3; at < told.length; at += 2) {
    const answer = circuitAnswer(told[at], told[at + 1])
    if (answer === undefined) return undefined
    answers.push(answer)
  }
  return { now, nodes, sequence, circuits: answers }
}

/** The arguments for one circuit, in the order of the script. */
const circuitArguments = (message: CircuitMessage): ReadonlyArray<string> => {
  const { counts, epoch, openFor, openings, own, probes, remaining, state, terms, wish } = message
  return [
    epoch,
    letterOf[state],
    remaining,
    openings,
    counts.calls,
    counts.failures,
    counts.slow,
    own.calls,
    own.failures,
    own.slow,
    wishOf[wish],
    openFor,
    terms.size,
    terms.span,
    terms.minimumCalls,
    terms.failureRate,
    terms.slowCallRate,
    terms.probes,
    terms.probeFailureRate,
    terms.probeFailuresInRow,
    terms.spread,
    probes.results,
    probes.failures,
    probes.slow,
    probes.failuresInRow,
    probes.voided,
    probes.retryAfter,
    probes.held,
    writtenTerms(terms)
  ].map(String)
}

const letterOf: { readonly [S in FleetState]: string } = { Closed: "C", Open: "O", HalfOpen: "H", ForcedOpen: "F" }

const stateOf: ReadonlyMap<string, FleetState> = new Map(
  Object.entries(letterOf).map(([state, letter]) => [letter, state as FleetState])
)

const wishOf: { readonly [W in Wish]: string } = {
  nothing: "-",
  tripped: "T",
  failedInRow: "R",
  open: "O",
  forceOpen: "F",
  close: "C",
  probe: "P"
}

const reasons: ReadonlySet<string> = new Set<FleetReason>(["rates", "tripped", "command", "elapsed", "probes"])

/** A whole number up to a bound; undefined for anything else. */
const wholeNumber = (text: unknown, most = Number.MAX_SAFE_INTEGER): number | undefined => {
  if (typeof text !== "string" || !/^\d{1,16}$/.test(text)) return undefined
  const number = Number(text)
  return number <= most ? number : undefined
}

/** The two texts of the answer for one circuit; undefined where they are no such answer. */
const circuitAnswer = (told: unknown, other: unknown): CircuitAnswer | undefined => {
  if (typeof told !== "string" || typeof other !== "string") return undefined
  if (other !== "" && !areCircuitTerms(other)) return undefined
  const otherTerms = other === "" ? undefined : other
  const age = wholeNumber(told)
  if (age !== undefined) return { _tag: "Closed", age, otherTerms }
  const [epochText, letter = "", left, count, granted, ...rest] = told.split("|")
  const epoch = wholeNumber(epochText)
  const state = stateOf.get(letter)
  const remaining = wholeNumber(left, longestOpening)
  const openings = wholeNumber(count)
  if (
    epoch === undefined || state === undefined || remaining === undefined || openings === undefined ||
    granted !== "0" && granted !== "1" || rest.length > 0
  ) return undefined
  return { _tag: "State", epoch, state, remaining, openings, isGranted: granted === "1", otherTerms }
}

/** In characters: more than the names of any fleet and circuit, and six numbers. */
const longestMessage = 1000

/** What a message of the channel says; undefined where it is none of ours. `prefix` is that of the keys of circuits. */
export const circuitEvent = (message: string, prefix: string): CircuitEvent | undefined => {
  if (message.length > longestMessage) return undefined
  const [epochText, letter = "", left, count, reason = "", sequenceText, ...key] = message.split("|")
  const epoch = wholeNumber(epochText, mostPushed)
  const state = stateOf.get(letter)
  const remaining = wholeNumber(left, longestOpening)
  const openings = wholeNumber(count, mostPushed)
  const sequence = wholeNumber(sequenceText)
  // Names may have the mark in them.
  const name = key.join("|")
  if (
    epoch === undefined || state === undefined || remaining === undefined || openings === undefined ||
    sequence === undefined || !reasons.has(reason) || !name.startsWith(prefix)
  ) return undefined
  return {
    circuit: name.slice(prefix.length),
    epoch,
    state,
    remaining,
    openings,
    reason: reason as FleetReason,
    sequence
  }
}
