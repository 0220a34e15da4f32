/** A script of Redis that is told the time by its two last arguments: seconds, and microseconds of them. */
import { createHash } from "node:crypto"

export const sha1 = (text: string): string => createHash("sha1").update(text).digest("hex")

export const timed = (script: string): string =>
  script.replace(`redis.call("TIME")`, `{ ARGV[#ARGV - 1], ARGV[#ARGV] }`)

export const timeArguments = (micros: number): ReadonlyArray<string> => [
  String(Math.floor(micros / 1_000_000)),
  String(micros % 1_000_000)
]
