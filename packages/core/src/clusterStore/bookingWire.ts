/** Messages about limits as arguments of the script, and its answers, which are checked as those about circuits. */
import { areBookingTerms, type BookingAnswer, type BookingCall } from "./bookingModel.ts"
import { isBounded } from "./bounds.ts"
import { keptFor } from "./circuitCall.ts"

const numbers = [
  "gap",
  "burst",
  "ahead",
  "want",
  "back",
  "unused",
  "oldest",
  "within",
  "latest",
  "fullAfter"
] as const

/** Keys and arguments of the script. `tag` begins all keys of the fleet, in braces. */
export const bookingArguments = (tag: string, { limits, longestWay, said }: BookingCall): ReadonlyArray<string> => [
  String(limits.length),
  ...limits.map(([limit]) => `${tag}:l:${limit}`),
  String(said),
  String(longestWay),
  String(keptFor),
  ...limits.flatMap(([, message]) => [
    ...numbers.map((number) => String(message[number])),
    message.terms,
    message.before,
    String(message.scale)
  ])
]

/** What the script answers to a call; undefined where that is no such answer. */
export const bookingReply = (told: unknown, { limits }: BookingCall): ReadonlyArray<BookingAnswer> | undefined => {
  if (!Array.isArray(told) || told.length !== 3 * limits.length) return undefined
  const answers: Array<BookingAnswer> = []
  for (const [i, [, { want }]] of limits.entries()) {
    const granted = numberIn(told[3 * i])
    const first = numberIn(told[3 * i + 1])
    if (granted === undefined || first === undefined) return undefined
    if (!Number.isInteger(granted) || granted < 0 || granted > want) return undefined
    const other: unknown = told[3 * i + 2]
    if (typeof other !== "string" || other !== "" && !areBookingTerms(other)) return undefined
    answers.push({ granted, first, otherTerms: other === "" ? undefined : other })
  }
  return answers
}

const numberIn = (text: unknown): number | undefined =>
  typeof text === "string" && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text) && isBounded(Number(text))
    ? Number(text)
    : undefined
