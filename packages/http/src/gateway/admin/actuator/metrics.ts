/** `/actuator/metrics`: the names of all meters, and one of them, summed over the series that have the asked tags. */
import * as Effect from "effect/Effect"
import { allFamilies } from "../metrics/all.ts"
import type { Family, Series } from "../metrics/family.ts"
import type { AdminRoute } from "../model.ts"
import { type Answered, partOf, reading, refused, Written } from "./answers.ts"
import { doubleText } from "./java.ts"

interface Measurement {
  readonly statistic: "VALUE" | "COUNT" | "TOTAL_TIME" | "MAX"
  readonly value: number
}

type Tag = readonly [key: string, value: string]

/** What of the series of a family have the tags; undefined where none has. */
const meterOf = (family: Family, tags: ReadonlyArray<Tag>) => {
  const series = (family.series as ReadonlyArray<Series<unknown>>).filter(({ labels }) =>
    tags.every(([key, value]) => labels[key] === value)
  )
  if (series.length === 0) return undefined
  const measurements = measurementsOf({ ...family, series } as Family)
  const isTime = family.name.endsWith("_seconds")
  const text = measurements.map(({ statistic, value }) => `{"statistic":"${statistic}","value":${doubleText(value)}}`)
    .join(",")
  // The numbers are written by hand: those of JSON have no decimal where there is none.
  const { measurements: _, ...rest } = { measurements, ...describedBy(family, isTime) }
  const availableTags = tagsOf(series, tags)
  return new Written(
    `${JSON.stringify(rest).slice(0, -1)},"measurements":[${text}],"availableTags":${JSON.stringify(availableTags)}}`
  )
}

const describedBy = ({ description, meter }: Family, isTime: boolean) => ({
  name: meter,
  description: description === "" ? undefined : description,
  baseUnit: isTime ? "seconds" : undefined
})

const measurementsOf = (family: Family): ReadonlyArray<Measurement> => {
  switch (family.type) {
    case "gauge":
      return [{ statistic: "VALUE", value: sum(family.series.map(({ value }) => value)) }]
    case "counter":
      return [{ statistic: "COUNT", value: sum(family.series.map(({ value }) => value)) }]
    case "timer":
    case "histogram": {
      const values = (family.series as ReadonlyArray<Series<{ count: number; sum?: number; max?: number }>>)
        .map(({ value }) => value)
      return [
        { statistic: "COUNT", value: sum(values.map(({ count }) => count)) },
        { statistic: "TOTAL_TIME", value: sum(values.map(({ sum = 0 }) => sum)) },
        { statistic: "MAX", value: Math.max(0, ...values.map(({ max = 0 }) => max)) }
      ]
    }
  }
}

const sum = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0)

/** The tags by which the series can be told apart further. */
const tagsOf = (series: ReadonlyArray<Series<unknown>>, asked: ReadonlyArray<Tag>) => {
  const values = new Map<string, Set<string>>()
  for (const { labels } of series) {
    for (const [tag, value] of Object.entries(labels)) values.set(tag, (values.get(tag) ?? new Set()).add(value))
  }
  for (const [key] of asked) values.delete(key)
  return [...values].map(([tag, values]) => ({ tag, values: [...values].toSorted() }))
}

export const meterRoutes: ReadonlyArray<AdminRoute> = [
  reading("/metrics", (_, running) =>
    Effect.map(allFamilies(running), (families) => ({
      json: { names: families.filter(({ series }) => series.length > 0).map(({ meter }) => meter).toSorted() }
    }))),
  reading("/metrics/:name", (request, running) =>
    Effect.map(allFamilies(running), (families): Answered => {
      const tags: Array<Tag> = []
      for (const tag of request.query.getAll("tag")) {
        const colon = tag.indexOf(":")
        if (colon < 0) {
          return refused(
            400,
            request,
            `Each tag parameter must be in the form 'key:value' but was: ${tag.slice(0, 100)}`
          )
        }
        tags.push([tag.slice(0, colon), tag.slice(colon + 1)])
      }
      const family = families.find(({ meter }) => meter === partOf(request, 1))
      const json = family && meterOf(family, tags)
      return json === undefined ? refused(404, request, "There is no such meter.") : { json }
    }))
]
