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
  let forgotten = 0
  let peaks: Array<number> = []
  let isStarting = true
  let beforeOutage: number | undefined
  let series: Series | undefined
  let reading = { stretch: 1, drops: 0 }
  let all = new ClassesModel(2)

  const close = (now: number) => {
    const from = opened
    const { classes, stretch } = all.close()
    const counting = calls.slice(forgotten)
    const drops = counting.filter(({ outcome }) => outcome === "drop")
    const late = drops.filter(({ hasSample }) => hasSample).length
    const counted = drops.length < 2 ? 0 : (drops.length - (stretch < 1.3 ? late / 2 : 0)) / counting.length
    const peak = Math.max(...peaks)
    const isOut = drops.length === counting.length
    let next = limit
    reading = { stretch, drops: drops.length / counting.length }
    opened = now
    calls = []
    forgotten = 0
    peaks = []
    if (isOut && drops.length >= 2) {
      beforeOutage = Math.max(beforeOutage ?? 0, limit)
      if (2 * peak < limit) {
        reason = "hold"
        return
      }
    }
    if (stretch > rules.tolerance || counted > 0) isStarting = false
    if (stretch > rules.tolerance) {
      series ??= { limitBefore: limit, stretchBefore: stretch, hasBraked: false, settlesFrom: undefined, vain: 0 }
      const keeps = peak <= limit
      if (series.hasBraked && keeps) series.settlesFrom ??= from
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
      if (2 * peak >= limit && !isOut) {
        next += (isStarting ? limit / 4 : Math.max(1, Math.sqrt(limit) / 2)) * (1 - counted)
        if (counted === 0 && beforeOutage !== undefined) {
          next = Math.max(next, beforeOutage / 2)
          beforeOutage = undefined
        }
        reason = "grow"
      }
    }
    if (counted > 0) {
      next *= 1 - Math.min(0.3, counted * rules.backoff)
      if (next < limit && reason !== "brake") reason = "drop"
    }
    limit = Math.min(rules.max, Math.max(rules.min, next))
    if (next !== limit) reason = next > limit ? "max" : "min"
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
      const isFirstAnswer = call.outcome === "success" && calls.every(({ outcome }) => outcome === "drop")
      // What has failed before the first answer after an outage belongs to the outage.
      if (beforeOutage !== undefined && isFirstAnswer && 2 * Math.max(0, ...peaks) < limit) forgotten = calls.length
      calls.push(call)
      peaks.push(call.inFlight)
      if (calls.length >= rules.minimumCalls && now - opened >= rules.window) close(now)
    },
    reset: (now) => {
      limit = rules.initial
      reason = "initial"
      opened = now
      calls = []
      forgotten = 0
      peaks = []
      isStarting = true
      beforeOutage = undefined
      series = undefined
      reading = { stretch: 1, drops: 0 }
      all = new ClassesModel(2)
    },
    read: () => ({ ...reading, baselines: [] })
  }
}
