/** Writes metrics as Prometheus reads them: its own text format, and OpenMetrics. */
import type { Exemplar } from "../../server/histogram.ts"
import type { Family, Series } from "./family.ts"

/** The formats, and the media type of each. */
export const mediaTypes = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
} as const

export type Format = keyof typeof mediaTypes

export const print = (families: ReadonlyArray<Family>, format: Format): string => {
  const lines = families.filter(({ series }) => series.length > 0).flatMap((family) => linesOf(family, format))
  if (format === "openMetrics") lines.push("# EOF")
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`
}

type Labels = Readonly<Record<string, string>>

const linesOf = (family: Family, format: Format): ReadonlyArray<string> => {
  const { name } = family
  switch (family.type) {
    case "gauge":
      return [
        ...headOf(name, "gauge", family, format),
        ...family.series.map((one) => line(name, one.labels, one.value))
      ]
    case "counter":
      return [
        // The name of a family of counters is without its suffix in OpenMetrics, and with it in the older format.
        ...headOf(format === "openMetrics" ? name : `${name}_total`, "counter", family, format),
        ...family.series.map((one) => line(`${name}_total`, one.labels, one.value))
      ]
    case "timer": {
      const longest = family.series.filter(({ value }) => value.max !== undefined)
      return [
        ...headOf(name, "summary", family, format),
        ...family.series.flatMap(({ labels, value }) => [
          line(`${name}_count`, labels, value.count),
          ...value.sum === undefined ? [] : [line(`${name}_sum`, labels, value.sum)]
        ]),
        ...longest.length === 0 ? [] : headOf(`${name}_max`, "gauge", family, format),
        ...longest.map(({ labels, value }) => line(`${name}_max`, labels, value.max!))
      ]
    }
    case "histogram":
      return [
        ...headOf(name, "histogram", family, format),
        ...family.series.flatMap(({ labels, value }: Series<(typeof family.series)[number]["value"]>) => [
          ...[...value.buckets.filter(([bound]) => bound !== Infinity), [Infinity, value.count] as const].map((
            [bound, count],
            i
          ) =>
            line(`${name}_bucket`, { ...labels, le: boundOf(bound, format) }, count) +
            (format === "openMetrics" ? exemplarIn(value.exemplars?.[i]) : "")
          ),
          line(`${name}_sum`, labels, value.sum),
          line(`${name}_count`, labels, value.count)
        ])
      ]
  }
}

const headOf = (name: string, type: string, { description }: Family, format: Format): ReadonlyArray<string> => [
  `# HELP ${name} ${format === "openMetrics" ? escaped(description) : description.replace(/[\\\n]/g, escape)}`,
  `# TYPE ${name} ${type}`
]

const line = (name: string, labels: Labels, value: number): string => {
  const pairs = pairsOf(labels)
  return `${name}${pairs === "" ? "" : `{${pairs}}`} ${numberOf(value)}`
}

/** What stands behind a sample. */
const exemplarIn = (exemplar: Exemplar | undefined): string =>
  exemplar === undefined
    ? ""
    : ` # {${pairsOf(exemplar.labels)}} ${numberOf(exemplar.value)} ${(exemplar.at / 1000).toFixed(3)}`

const pairsOf = (labels: Labels): string =>
  Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`).join(",")

const escape = (character: string): string => character === "\n" ? "\\n" : `\\${character}`

const escaped = (text: string): string => text.replace(/[\\"\n]/g, escape)

const numberOf = (value: number): string => value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value)

/** OpenMetrics asks for bounds as floats. */
const boundOf = (bound: number, format: Format): string =>
  format === "openMetrics" && Number.isInteger(bound) ? bound.toFixed(1) : numberOf(bound)
