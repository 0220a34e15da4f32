/** Numbers and times for people. */

/** Rounds no share to nothing or to all. */
export const share = (part: number, of: number): string => {
  if (of === 0 || part <= 0) return "0 %"
  if (part >= of) return "100 %"
  const percent = 100 * part / of
  if (percent < 0.1) return "< 0.1 %"
  if (percent > 99.9) return "> 99.9 %"
  return percent < 10 || percent > 99 ? `${percent.toFixed(1)} %` : `${Math.round(percent)} %`
}

export const percent = (rate: number): string => share(rate, 1)

export const count = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: 0 })

/** Four characters or so: `296k` for 296083. Never more than there is. */
export const short = (value: number): string => {
  const [unit, size] = value >= 1e6 ? ["M", 1e6] : value >= 10_000 ? ["k", 1000] : ["", 1]
  const scaled = Number(value) / Number(size)
  return `${scaled < 10 && size !== 1 ? Math.floor(scaled * 10) / 10 : count(Math.floor(scaled))}${unit}`
}

export const rate = (value: number): string =>
  value === 0 ? "0" : value < 10 ? value.toFixed(1) : count(Math.round(value))

export const dollars = (value: number): string =>
  `$${value === 0 ? "0" : value.toFixed(value < 0.01 ? 5 : value < 1 ? 3 : 2)}`

export const seconds = (value: number | undefined): string =>
  value === undefined ? "–" : value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(value < 10 ? 1 : 0)} s`

/** How a language writes units of time. */
export interface Units {
  readonly second: string
  readonly minute: string
  readonly hour: string
  readonly day: string
}

/** A countdown never says that nothing is left while it runs. */
export const span = (millis: number, { day, hour, minute, second }: Units): string => {
  const all = Math.max(0, Math.ceil(millis / 1000))
  if (all < 60) return `${all} ${second}`
  const minutes = Math.floor(all / 60)
  if (minutes < 60) return all % 60 === 0 ? `${minutes} ${minute}` : `${minutes} ${minute} ${all % 60} ${second}`
  const hours = Math.floor(minutes / 60)
  return hours < 48
    ? minutes % 60 === 0 ? `${hours} ${hour}` : `${hours} ${hour} ${minutes % 60} ${minute}`
    : `${Math.floor(hours / 24)} ${day}`
}

export const clock = (at: number): string =>
  new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" })
