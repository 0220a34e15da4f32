/** What is promised of a night, and whether it was kept. */
import * as Duration from "effect/Duration"
import type { Config } from "../../config/model.ts"
import { placeOf } from "../../config/problem.ts"
import { type Endings, type Figures, sumOf } from "./model.ts"

export interface Promised {
  /** As it is written. */
  readonly text: string
  readonly figure: Figure
  /** Milliseconds of a time, a part of 1 of a share, dollars of a cost. */
  readonly bound: number
  readonly isKept: (value: number) => boolean
}

export type Figure = "answered" | "asked-for" | "errors" | "left" | "p95" | "cost" | "calls-while-down"

/** A promise that was not kept, and what was. */
export interface Broken {
  readonly promised: Promised
  readonly value: number
  /** From when on, in seconds of the night; undefined for what is known at its end alone. */
  readonly since: number | undefined
}

/** Promises that are held of every night where nobody says others. */
export const usual = (config: Config, target: string): ReadonlyArray<Promised> => {
  const deadline = config.admin?.promise.p95 ?? config.cascades[target]?.options.deadline ?? "30 seconds"
  const seconds = Duration.toSeconds(Duration.fromInputUnsafe(deadline))
  return ["errors<=1%", `p95<=${seconds}s`, "calls-while-down<=10%"].map((text) => read(text) as Promised)
}

/** A promise out of a text such as `answered>=99%`, `p95<=10s`, `cost<=5`; or what is wrong with it. */
export const read = (text: string): Promised | string => {
  const [, name, comparison, number, unit = ""] = written.exec(text) ?? []
  if (name === undefined || !Object.hasOwn(units, name)) {
    return `Expected one of ${
      Object.keys(units).join(", ")
    } with <= or >= and a number, such as answered>=99% or p95<=10s, got ${JSON.stringify(text)}`
  }
  const figure = name as Figure
  if (!units[figure].includes(unit)) {
    return `Expected ${name} in ${
      units[figure].map((unit) => unit === "" ? "plain numbers" : unit).join(" or ")
    }, got ${JSON.stringify(text)}`
  }
  const bound = Number(number) * (unit === "%" ? 0.01 : unit === "s" ? 1000 : 1)
  const most = shares.has(figure) ? 1 : Infinity
  if (comparison === "<=" ? bound >= most : bound <= 0) {
    return `Expected a promise that can be broken, got ${JSON.stringify(text)}: every night keeps it`
  }
  if (comparison === ">=" && bound > most) {
    return `Expected a promise that can be kept, got ${JSON.stringify(text)}: no night keeps it`
  }
  return { text, figure, bound, isKept: comparison === "<=" ? (value) => value <= bound : (value) => value >= bound }
}

/** A number may be as JavaScript prints it. */
const written = /^([a-z-]+|p95)(<=|>=)\$?(\d+(?:\.\d+)?(?:e[+-]\d+)?)(%|s|ms)?$/

const units: Record<Figure, ReadonlyArray<string>> = {
  answered: ["%"],
  "asked-for": ["%"],
  errors: ["%"],
  left: ["%"],
  p95: ["s", "ms"],
  cost: [""],
  "calls-while-down": ["%"]
}

/** Parts of all customers: never more than all of them. Calls while down are counted against customers, and may be more. */
const shares: ReadonlySet<Figure> = new Set<Figure>(["answered", "asked-for", "errors", "left"])

/** Why a promise is judged by none of the nights; undefined where one judges it. */
export const unjudged = (nights: ReadonlyArray<Figures>, { figure, text }: Promised): string | undefined => {
  // A night whose cost is not known may be the dear one.
  const isJudged = figure === "cost" ?
    nights.every(({ cost }) => cost !== undefined) :
    nights.some((night) => valueOf(night, figure) !== undefined)
  return isJudged
    ? undefined
    : figure === "cost"
    ? `${text} cannot be judged: ${placeOf(["prices"])} has not what all answers cost`
    : `${text} is judged by none of these nights: ${nights.map(({ night }) => night).join(", ")}`
}

/** The promises of a night that were not kept, the first to break first. What nothing happened to is not judged. */
export const brokenIn = (figures: Figures, promises: ReadonlyArray<Promised>): ReadonlyArray<Broken> =>
  promises.flatMap((promised) => {
    const value = valueOf(figures, promised.figure)
    return value === undefined || promised.isKept(value)
      ? []
      : [{ promised, value, since: sinceIn(figures, promised) }]
  }).toSorted((a, b) => (a.since ?? Infinity) - (b.since ?? Infinity))

/** The beginning of the first interval in which a promise does not hold. */
const sinceIn = ({ series: { endings, interval, p95 } }: Figures, { figure, isKept }: Promised): number | undefined => {
  const index = p95.findIndex((wait, i) => {
    const counts = Object.fromEntries(Object.entries(endings).map(([ending, counts]) => [ending, counts[i]!]))
    const value = figure === "p95" ? wait ?? undefined : shareOf(counts as unknown as Endings, figure)
    return value !== undefined && !isKept(value)
  })
  return index < 0 ? undefined : index * interval
}

/** Undefined of nobody, and for what is no share of endings. */
const shareOf = (counts: Endings, figure: Figure): number | undefined => {
  const all = sumOf(counts)
  if (all === 0) return undefined
  switch (figure) {
    case "answered":
      return (all - counts.error - counts.left) / all
    case "asked-for":
      return counts["asked-for"] / all
    case "errors":
      return counts.error / all
    case "left":
      return counts.left / all
    default:
      return undefined
  }
}

/** A flood is judged by those who do not make it. */
export const valueOf = (
  { cost, customersWhileDown, keyWhileDown = 0, models, others, p95 }: Figures,
  figure: Figure
): number | undefined => {
  switch (figure) {
    case "p95":
      return p95
    case "cost":
      return cost
    case "calls-while-down":
      return customersWhileDown === 0
        ? undefined
        : Math.max(keyWhileDown, ...models.map(({ whileDown }) => whileDown)) / customersWhileDown
    default:
      return shareOf(others, figure)
  }
}
