/** Reads the parts of a file, and notes everything that is wrong with them instead of stopping at the first. */
import * as Exit from "effect/Exit"
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import type { Problem } from "./problem.ts"
import { standInAt, valueAt } from "./standIn.ts"

type Path = Problem["path"]

export class Reader {
  readonly problems: Array<Problem> = []

  /** Of a place, and of what is in it, the first problem is told. */
  refuse(path: Path, message: string): undefined {
    if (this.isRight(path)) this.problems.push({ path, message })
    return undefined
  }

  /** Whether nothing was told of a place, and of what is in it. */
  isRight(path: Path): boolean {
    return !this.problems.some((problem) => path.every((key, i) => problem.path[i] === key))
  }

  /**
   * What a schema makes of the value; undefined where that fails. `at` is where a part of the value is written, and
   * `isWithheld` tells of which part no complaint shows what is written there.
   */
  decode<A>(
    schema: Schema.Codec<A, any>,
    value: unknown,
    path: Path,
    at: (keys: Path) => Path = (keys) => [...path, ...keys],
    isWithheld: (keys: Path) => boolean = () => false
  ): A | undefined {
    const exit = read(schema, value)
    if (Exit.isSuccess(exit)) return exit.value
    this.refuseRest(schema, value, exit, { path, at, isWithheld, replaced: new Set() })
    return undefined
  }

  /** The rules of options end at the first one that is broken: what is wrong besides is found without it. */
  private refuseRest(
    schema: Schema.Codec<any, any>,
    value: unknown,
    { cause }: Exit.Failure<unknown, unknown>,
    where: Where
  ): void {
    let rest = value
    let isOther = false
    // What is around a place goes only where nothing is left to take at the place itself.
    const taken: Array<Path> = []
    for (const reason of cause.reasons) {
      if (reason._tag !== "Fail") return void this.refuse(where.path, "It cannot be read")
      for (const issue of format(reason.error as unknown as SchemaIssue.Issue).issues) {
        const keys = keysOf(issue.path ?? [])
        const place = JSON.stringify(keys)
        const isNew = !where.replaced.has(place)
        if (isNew) this.refuse(where.at(keys), where.isWithheld(keys) ? withoutValue(issue.message) : issue.message)
        where.replaced.add(place)
        if (taken.some((other) => other.every((key, i) => keys[i] === key))) continue
        taken.push(keys)
        const standIn = isNew ? standInAt(rest, keys) : undefined
        const other = standIn ?? withLess(rest, keys)
        // Something stands in for a place once, and then there is less: this comes to an end.
        if (standIn !== undefined || sizeOf(other) < sizeOf(rest)) isOther = true
        rest = other
      }
    }
    if (!isOther) return
    const exit = read(schema, rest)
    if (Exit.isFailure(exit)) this.refuseRest(schema, rest, exit, where)
  }

  /** The fields of a group; none where it is left out. */
  group(value: unknown, path: Path, known?: ReadonlyArray<string>): Readonly<Record<string, unknown>> {
    if (value === undefined || value === null) return {}
    if (!isGroup(value)) {
      this.refuse(path, known ? `Expected { ${known.join(", ")} }` : "Expected entries by name")
      return {}
    }
    for (const key of Object.keys(value)) {
      if (known !== undefined && !known.includes(key)) {
        this.refuse([...path, key], `There is no such option. There are: ${known.join(", ")}`)
      }
    }
    return value
  }

  /** The fields of a group that is there or left out, and not there with nothing in it. */
  part(value: unknown, path: Path, known: ReadonlyArray<string>): Readonly<Record<string, unknown>> {
    if (value === null) this.refuse(path, `Expected { ${known.join(", ")} }`)
    return this.group(value, path, known)
  }

  list(value: unknown, path: Path): ReadonlyArray<unknown> {
    if (value === undefined) return []
    if (Array.isArray(value)) return value
    this.refuse(path, `Expected a list, got ${shown(value)}`)
    return []
  }

  text(value: unknown, path: Path): string | undefined {
    return typeof value === "string" && value !== ""
      ? value
      : this.refuse(path, `Expected a text that is not empty, got ${shown(value)}`)
  }

  texts(value: unknown, path: Path): ReadonlyArray<string> {
    return this.list(value, path).flatMap((item, i) => this.text(item, [...path, i]) ?? [])
  }

  secret(value: unknown, path: Path): Redacted.Redacted | undefined {
    return Redacted.isRedacted(value) && typeof Redacted.value(value) === "string" && Redacted.value(value) !== ""
      ? value as Redacted.Redacted
      : this.refuse(path, "Expected a text that is not empty")
  }

  integer(value: unknown, path: Path, otherwise: number, [least, most]: readonly [number, number]): number {
    if (value === undefined) return otherwise
    if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
    this.refuse(path, `Expected a whole number from ${least} to ${most}, got ${shown(value)}`)
    return otherwise
  }

  duration(value: unknown, path: Path, otherwise: Duration.Input): Duration.Duration {
    const read = Duration.fromInput((value === undefined ? otherwise : value) as Duration.Input)
    if (read._tag === "Some" && Duration.toMillis(read.value) > 0 && Duration.isFinite(read.value)) {
      if (Duration.isGreaterThan(read.value, longest)) {
        this.refuse(path, `Expected at most ${Duration.toDays(longest)} days, got ${shown(value)}`)
      }
      return read.value
    }
    this.refuse(path, `Expected a finite duration above zero, such as "10 seconds", got ${shown(value)}`)
    return Duration.fromInputUnsafe(otherwise)
  }
}

/** A hundred years: the times of a server of Node have an end, and a gateway with a longer one would not start. */
const longest = Duration.days(36_500)

/** Of a value in a file. */
interface Where {
  readonly path: Path
  readonly at: (keys: Path) => Path
  readonly isWithheld: (keys: Path) => boolean
  /** The places of which it was told what is wrong. */
  readonly replaced: Set<string>
}

const read = <A>(schema: Schema.Codec<A, any>, value: unknown) =>
  SchemaParser.decodeUnknownExit(schema)(value, { errors: "all", onExcessProperty: "error" })

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const keysOf = (path: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }>): Path =>
  path.flatMap((part) => {
    const key = typeof part === "object" ? part.key : part
    if (typeof key === "number") return [key]
    // Rules name an element by its place in one word.
    const [, list, index] = /^(\w+)\[(\d+)\]$/.exec(String(key)) ?? []
    return list === undefined ? [String(key)] : [list, Number(index)]
  })

/** The part of a complaint that shows what is written. */
export const got = /, got .*/s

export const withoutValue = (message: string): string => message.replace(got, ", got something else (not shown)")

/** A value without what stands at a place in it, or, where nothing does, without what is around that. */
const withLess = (value: unknown, place: Path): unknown => {
  const around = place.slice(0, -1)
  // What was around it is gone as well.
  if (valueAt(value, around) === undefined) return value
  const less = without(value, place)
  return sizeOf(less) < sizeOf(value) || place.length === 0 ? less : withLess(value, around)
}

/** A value without what stands at a place in it. */
const without = (value: unknown, [key, ...keys]: Path): unknown => {
  if (Array.isArray(value)) {
    return value.map((item, i) => i !== key ? item : keys.length === 0 ? undefined : without(item, keys))
  }
  if (!isGroup(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) =>
      name !== key ? [[name, inner]] : keys.length === 0 ? [] : [[name, without(inner, keys)]]
    )
  )
}

/** How many values there are in a value. */
const sizeOf = (value: unknown): number =>
  Array.isArray(value) || isGroup(value)
    ? Object.values(value).reduce<number>((sum, inner) => sum + sizeOf(inner), 1)
    : value === undefined
    ? 0
    : 1

export const isGroup = (value: unknown): value is Readonly<Record<string, unknown>> =>
  Predicate.isObject(value) && !Array.isArray(value) && !Redacted.isRedacted(value)

export const shown = (value: unknown): string => {
  if (Redacted.isRedacted(value)) return "a secret"
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
