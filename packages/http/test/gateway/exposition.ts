/** Reads what Prometheus scrapes, as strictly as it is written down. */
import { assert } from "@effect/vitest"

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly exemplar: Exemplar | undefined
}

export interface Exemplar {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** Seconds of the wall clock. */
  readonly at: number
}

const suffixes: Readonly<Record<string, ReadonlyArray<string>>> = {
  gauge: [""],
  counter: ["_total"],
  summary: ["_count", "_sum"],
  histogram: ["_bucket", "_sum", "_count"]
}

/** All samples by their series. Fails where a line is malformed, a series is there twice, or a family in two places. */
export const parse = (text: string, format: "prometheus" | "openMetrics"): ReadonlyMap<string, Sample> => {
  assert.isTrue(text.endsWith("\n"))
  const lines = text.slice(0, -1).split("\n")
  if (format === "openMetrics") assert.strictEqual(lines.pop(), "# EOF")
  const samples = new Map<string, Sample>()
  const families = new Set<string>()
  let family = ""
  let type = ""
  for (const line of lines) {
    const told = /^# (HELP|TYPE) ([A-Za-z_:][\w:]*) (.+)$/.exec(line)
    if (told !== null) {
      const [, what, name = "", rest = ""] = told
      if (what === "TYPE") {
        assert.isFalse(families.has(name), `a second ${name}`)
        families.add(name)
        family = name
        type = rest
        assert.property(suffixes, type)
      }
      continue
    }
    const [, name = "", inside, value = "", exemplar] =
      /^([A-Za-z_:][\w:]*)(?:\{((?:[A-Za-z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (NaN|[+-]Inf|-?[\d.]+(?:e[+-]?\d+)?)( # .*)?$/
        .exec(line) ?? assert.fail(`no sample: ${line}`)
    const base = type === "counter" && format === "prometheus" ? family.replace(/_total$/, "") : family
    assert.include(suffixes[type]!.map((suffix) => `${base}${suffix}`), name, line)
    const labels = labelsIn(inside ?? "")
    const key = `${name}{${Object.entries(labels).map(([label, text]) => `${label}=${text}`).toSorted().join(",")}}`
    assert.isFalse(samples.has(key), `a second ${key}`)
    samples.set(key, {
      name,
      labels,
      value: Number(value.replace("Inf", "Infinity")),
      exemplar: exemplarIn(exemplar, name, format)
    })
  }
  return samples
}

const labelsIn = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...text.matchAll(/([A-Za-z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"/g)].map(([, label, text]) => [label, text])
  )

/** Only buckets of OpenMetrics have one, and its labels are of 128 characters at most. */
const exemplarIn = (
  text: string | undefined,
  name: string,
  format: "prometheus" | "openMetrics"
): Exemplar | undefined => {
  if (text === undefined) return undefined
  assert.strictEqual(format, "openMetrics", text)
  assert.match(name, /_bucket$/)
  const [, inside = "", value, at] =
    /^ # \{((?:[A-Za-z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)+)\} ([\d.]+(?:e[+-]?\d+)?) (\d+\.\d{3})$/.exec(text) ??
      assert.fail(`no exemplar: ${text}`)
  const labels = labelsIn(inside)
  assert.isAtMost(Object.entries(labels).flat().join("").length, 128)
  return { labels, value: Number(value), at: Number(at) }
}
