/** What somebody else may have written to the keys of a fleet: a record in the form of the scripts, with anything in it. */
import { Effect } from "effect"
import * as Redis from "effect/persistence/Redis"

/** Any number, also those of no record. */
export const numbers = (now: number): ReadonlyArray<number> => [
  NaN,
  Infinity,
  -Infinity,
  -1,
  0,
  0.5,
  now,
  now + 1000,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53),
  1e300,
  -1e300
]

/** Texts like one that has numbers between marks: each of these has another one for a number, or another form. */
export const texts = (like: string, mark: string): ReadonlyArray<string> => {
  const parts = like.split(mark)
  const others = ["1e999", "nan", "NaN", "inf", "Infinity", "-5", "-0.1", "", "x", "0x10", " 1", "1e31", "1".repeat(25)]
  return [
    like,
    "",
    "text",
    mark,
    like + mark,
    mark + like,
    like + mark + "1",
    ...parts.flatMap((_, i) => others.map((other) => parts.toSpliced(i, 1, other).join(mark)))
  ]
}

type Value = number | string | ReadonlyArray<Value>

const written = (value: Value): string =>
  typeof value === "string"
    ? JSON.stringify(value)
    : typeof value === "number"
    ? Number.isNaN(value) ? "0/0" : Number.isFinite(value) ? `tonumber("${value}")` : value > 0 ? "1/0" : "-1/0"
    : `{ ${value.map(written).join(", ")} }`

/** Writes a record to a key, packed as the scripts do. */
export const plant = (key: string, values: ReadonlyArray<Value>) =>
  Effect.flatMap(Redis.Redis, (redis) =>
    redis.send(
      "EVAL",
      `redis.call("SET", KEYS[1], cmsgpack.pack(${values.map(written).join(", ")}))`,
      "1",
      key
    ))
