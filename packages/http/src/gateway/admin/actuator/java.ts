/** Numbers and times as Java writes them, which clients of resilience4j match as texts. */

/** `50.0%`, `33.333332%`, `-1.0%`: a float. */
export const percentText = (percent: number): string => `${floatText(percent)}%`

/** The shortest text that is this float. */
export const floatText = (value: number): string => {
  const float = Math.fround(value)
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(float.toPrecision(digits))
    if (Math.fround(short) === float) return decimal(short)
  }
  return decimal(Number(float.toPrecision(9)))
}

/** A double in JSON: what is no number is a text. */
export const doubleText = (value: number): string =>
  Number.isFinite(value)
    ? decimal(value)
    : `"${value === Infinity ? "Infinity" : value === -Infinity ? "-Infinity" : "NaN"}"`

/** At least one decimal; an exponent below 0.001 and from ten million on. */
const decimal = (value: number): string => {
  const size = Math.abs(value)
  if (value !== 0 && (size < 1e-3 || size >= 1e7)) {
    const [digits = "", exponent = ""] = value.toExponential().split("e")
    return `${withDecimal(digits)}E${Number(exponent)}`
  }
  return withDecimal(String(value))
}

const withDecimal = (digits: string): string => digits.includes(".") ? digits : `${digits}.0`

/** `ZonedDateTime.toString()`: seconds and their fraction only where they are not zero. */
export const timeText = (millis: number): string => {
  const iso = new Date(millis).toISOString()
  const time = iso.endsWith(":00.000Z") ? iso.slice(0, 16) : iso.endsWith(".000Z") ? iso.slice(0, 19) : iso.slice(0, 23)
  return `${time}Z[Etc/UTC]`
}
