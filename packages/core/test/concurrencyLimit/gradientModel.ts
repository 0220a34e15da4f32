/** `"gradient"` as it is described, without care for speed: every call of a window is kept, and looked at when it closes. */
import type { ConcurrencyLimit } from "@switchgear/core"
import { ClassesModel } from "./classesModel.ts"

interface Series {
  readonly limitBefore: number
  stretchBefore: number
  hasBraked: boolean
  settlesFrom: number | undefined
  vain: number
}

export const modelOf: ConcurrencyLimit.MakeAlgorithm = (rules, start) => {
  let limit = rules.initial
  let reason: ConcurrencyLimit.Reason = "initial"
  let opened = start
  let calls: Array<ConcurrencyLimit.Judged> = []
  let peaks: Array<number> = []
  let isStarting = true
  let series: Series | undefined
  let reading = { stretch: 1, drops: 0 }
  let all = new ClassesModel(2)

  const close = (now: number) => {
    const { classes, stretch } = all.close()
    const drops = calls.filter(({ outcome }) => outcome === "drop")
    const late = drops.filter(({ hasSample }) => hasSample).length
    const counted = drops.length < 2 ? 0 : (drops.length - (stretch < 1.3 ? late / 2 : 0)) / calls.length
    const peak = Math.max(...peaks)
    let next = limit
    if (stretch > rules.tolerance || counted > 0) isStarting = false
    if (stretch > rules.tolerance) {
      series ??= { limitBefore: limit, stretchBefore: stretch, hasBraked: false, settlesFrom: undefined, vain: 0 }
      const keeps = peak <= limit
      if (series.hasBraked && keeps) series.settlesFrom ??= opened
      const slowest = Math.max(...classes.map(({ median }) => median))
      if (stretch <= 0.9 * series.stretchBefore) {
        Object.assign(series, { stretchBefore: stretch, settlesFrom: undefined, vain: 0 })
      } else if (keeps && series.settlesFrom !== undefined && now - series.settlesFrom >= 3 * slowest) series.vain++
      if (series.vain === 2) {
        for (const { baseline, median } of classes) baseline.value = median
        next = Math.max(limit, series.limitBefore)
        reason = "relearn"
        series = undefined
      } else if (keeps) {
        next *= Math.max(0.8, rules.tolerance / stretch)
        series.hasBraked = true
        reason = "brake"
      } else reason = "hold"
    } else {
      series = undefined
      reason = "hold"
      if (2 * peak >= limit && drops.length < calls.length) {
        next += (isStarting ? limit / 4 : Math.max(1, Math.sqrt(limit) / 2)) * (1 - counted)
        reason = "grow"
      }
    }
    if (counted > 0) {
      next *= 1 - Math.min(0.3, counted * rules.backoff)
      if (next < limit && reason !== "brake") reason = "drop"
    }
    limit = Math.min(rules.max, Math.max(rules.min, next))
    if (next !== limit) reason = next > limit ? "max" : "min"
    reading = { stretch, drops: drops.length / calls.length }
    opened = now
    calls = []
    peaks = []
  }

  return {
    get limit() {
      return limit
    },
    get reason() {
      return reason
    },
    begun: (inFlight) => {
      peaks.push(inFlight)
    },
    sampled: (index, sample) => all.add(index, sample),
    ended: (call, now) => {
      calls.push(call)
      peaks.push(call.inFlight)
      if (calls.length >= rules.minimumCalls && now - opened >= rules.window) close(now)
    },
    reset: (now) => {
      limit = rules.initial
      reason = "initial"
      opened = now
      calls = []
      peaks = []
      isStarting = true
      series = undefined
      reading = { stretch: 1, drops: 0 }
      all = new ClassesModel(2)
    },
    read: () => ({ ...reading, baselines: [] })
  }
}
