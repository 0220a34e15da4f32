/** Messages about limits as arguments of the script, and its answers, which are checked as those about circuits. */
import type { BookingAnswer, BookingCall } from "./bookingModel.ts"

/** Keys and arguments of the script. `tag` begins all keys of the fleet, in braces. */
export const bookingArguments = (tag: string, { limits, longestWay, said }: BookingCall): ReadonlyArray<string> => [
  String(limits.length),
  ...limits.map(([limit]) => `${tag}:l:${limit}`),
  String(said),
  String(longestWay),
  ...limits.flatMap(([, { ahead, back, burst, fullAfter, gap, latest, oldest, unused, want, within }]) =>
    [gap, burst, ahead, want, back, unused, oldest, within, latest, fullAfter].map(String)
  )
]

/** What the script answers to a call; undefined where that is no such answer. */
export const bookingReply = (told: unknown, { limits }: BookingCall): ReadonlyArray<BookingAnswer> | undefined => {
  if (!Array.isArray(told) || told.length !== 2 * limits.length) return undefined
  const answers: Array<BookingAnswer> = []
  for (const [i, [, { want }]] of limits.entries()) {
    const granted = numberIn(told[2 * i])
    const first = numberIn(told[2 * i + 1])
    if (granted === undefined || first === undefined) return undefined
    if (!Number.isInteger(granted) || granted < 0 || granted > want) return undefined
    answers.push({ granted, first })
  }
  return answers
}

const numberIn = (text: unknown): number | undefined =>
  typeof text === "string" && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text) && Number.isFinite(Number(text))
    ? Number(text)
    : undefined
