/**
 * How the attempts that are left travel. A request tells how many further attempts, besides the one that runs, its server and
 * everything behind it may make. Its response tells how many of them are left.
 */
import type { HeaderFields } from "@switchgear/core/Deadline"

export const attemptsHeader = "x-attempts-left"

/** More than any budget allows says nothing. */
const most = 1000

/** The least number that the header tells; undefined where it tells none. */
export const attemptsIn = (headers: HeaderFields): number | undefined => {
  const given = headers[attemptsHeader]
  if (given === undefined) return undefined
  const texts = typeof given === "string" ? given.split(",") : given
  const numbers = texts.flatMap((text) => /^\s*\d{1,4}\s*$/.test(text) ? Number(text) : []).filter((n) => n <= most)
  return numbers.length === 0 ? undefined : Math.min(...numbers)
}
