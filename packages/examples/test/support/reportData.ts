/** A night made of formulas, for tests of the page: six lanes with all that a lane can have, and none by chance. */
import type * as Report from "../../double-eleven/replay/reportData.ts"

const models = ["gpt-4.1", "claude-sonnet-4.5", "gemini-2.5-flash", "deepseek-v3.2"] as const
const [primary] = models
const interval = 10
const peakRate = 480

const phases: ReadonlyArray<Report.PhaseData> = [
  { name: "calm", tells: "an ordinary hour", from: 0, to: 480, crowd: 1, primary: "up" },
  { name: "the sale opens", tells: "and all is well", from: 480, to: 600, crowd: 15, primary: "up" },
  { name: "slow", tells: "arrivals × 15, 800 ms become 15 s", from: 600, to: 1200, crowd: 15, primary: "slow" },
  {
    name: "time-outs",
    tells: "the first model hangs, the others are overrun",
    from: 1200,
    to: 1920,
    crowd: 15,
    primary: "down"
  },
  { name: "recovery", tells: "it comes back in steps", from: 1920, to: 2520, crowd: 8, primary: "recovering" },
  { name: "calm again", tells: "an ordinary hour", from: 2520, to: 3540, crowd: 1, primary: "up" },
  { name: "closed", tells: "nobody comes", from: 3540, to: 3600, crowd: 0, primary: "up" }
]

/** Shares of what customers get in a phase: none, fallback, stale, canned, errors; and p50 in ms. */
type Got = readonly [number, number, number, number, number, number]

const fates: Record<Report.LaneName, Readonly<Record<Report.Health, Got>>> = {
  bare: {
    up: [1, 0, 0, 0, 0, 800],
    slow: [0.9, 0, 0, 0, 0.1, 15_000],
    down: [0, 0, 0, 0, 1, 60_000],
    recovering: [0.7, 0, 0, 0, 0.3, 4000]
  },
  timeout: {
    up: [1, 0, 0, 0, 0, 800],
    slow: [0.02, 0, 0, 0, 0.98, 10_000],
    down: [0, 0, 0, 0, 1, 10_000],
    recovering: [0.8, 0, 0, 0, 0.2, 3000]
  },
  retry: {
    up: [1, 0, 0, 0, 0, 800],
    slow: [0.01, 0, 0, 0, 0.99, 40_000],
    down: [0, 0, 0, 0, 1, 40_000],
    recovering: [0.2, 0, 0, 0, 0.8, 32_000]
  },
  breaker: {
    up: [1, 0, 0, 0, 0, 800],
    slow: [0.02, 0, 0, 0, 0.98, 5],
    down: [0, 0, 0, 0, 1, 5],
    recovering: [0.9, 0, 0, 0, 0.1, 1500]
  },
  full: {
    up: [1, 0, 0, 0, 0, 800],
    slow: [0.3, 0.5, 0.15, 0.05, 0, 900],
    down: [0.2, 0.3, 0.3, 0.2, 0, 700],
    recovering: [0.7, 0.25, 0.04, 0.01, 0, 900]
  },
  adaptive: {
    up: [1, 0, 0, 0, 0, 800],
    slow: [0.3, 0.51, 0.15, 0.04, 0, 900],
    down: [0.2, 0.31, 0.3, 0.19, 0, 700],
    recovering: [0.65, 0.3, 0.04, 0.01, 0, 900]
  }
}

const titles: Record<Report.LaneName, readonly [title: string, tells: string, upstreamPerCall: number]> = {
  bare: ["Bare", "One model, and the client's own patience.", 1],
  timeout: ["Time-out", "One model, and ten seconds of patience.", 1],
  retry: ["Naive retry", "Ten seconds of patience, and three more tries at once.", 4],
  breaker: ["Breaker only", "A circuit breaker around the one model.", 0.04],
  full: ["Switchgear", "Four guarded models, the last good answer, and a sentence as the floor.", 0.3],
  adaptive: ["Adaptive limits", "The same, but each model has a limit that finds its number.", 0.3]
}

const hasAll = (name: Report.LaneName): boolean => name === "full" || name === "adaptive"

const buckets = Array.from({ length: phases.at(-1)!.to / interval }, (_, index) => index * interval)
const phaseAt = (at: number) => phases.find(({ to }) => at < to)!
const crowdAt = (at: number) => {
  const { crowd, from } = phaseAt(at)
  const before = phaseAt(Math.max(0, from - 1)).crowd
  const settled = Math.min(1, (at - from + interval) / 90)
  return (before + (crowd - before) * settled) * (1 + 0.06 * Math.sin(at * 1.7) * Math.cos(at * 0.9))
}
const arrivals = buckets.map((at) => Math.round((peakRate / 15) * interval * crowdAt(at)))
const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((a, b) => a + b, 0)

const changesOf = (model: string, lane: Report.LaneName): ReadonlyArray<Report.ChangeData> => {
  const [from, to, every] = model === primary ? [614, 2040, 60] : [1230, 1900, 35]
  if (!hasAll(lane) && model !== primary) return []
  const changes: Array<Report.ChangeData> = [{ at: from, from: "Closed", to: "Open", reason: "failure-rate" }]
  for (let at = from + every; at < to; at += every) {
    changes.push({ at, from: "Open", to: "HalfOpen", reason: "open-elapsed" })
    changes.push({ at: at + 4, from: "HalfOpen", to: "Open", reason: "probes-failed" })
  }
  return [
    ...changes,
    { at: to + 4, from: "Open", to: "HalfOpen", reason: "open-elapsed" },
    { at: to + 6, from: "HalfOpen", to: "Closed", reason: "probes-succeeded" }
  ]
}

const lane = (name: Report.LaneName): Report.LaneData => {
  const [title, tells, perCall] = titles[name]
  const got = (which: number) =>
    buckets.map((at, i) => Math.floor(arrivals[i]! * fates[name][phaseAt(at).primary][which]!))
  const [fallback, stale, canned, errors] = [got(1), got(2), got(3), got(4)] as const
  const none = arrivals.map((all, i) => all - errors[i]! - fallback[i]! - stale[i]! - canned[i]!)
  const p50 = buckets.map((at) => fates[name][phaseAt(at).primary][5] * (1 + 0.05 * Math.sin(at)))
  const upstream = Object.fromEntries(models.map((model, m) => [
    model,
    !hasAll(name) && m > 0
      ? buckets.map(() => 0)
      : buckets.map((at, i) => {
        const isUp = phaseAt(at).primary === "up"
        return Math.round(
          arrivals[i]! * (isUp
            ? (m === 0 ? 1 : 0)
            : m === 0
            ? Math.min(1, perCall * (hasAll(name) ? 0.02 : 1)) * (name === "retry" ? 4 : 1)
            : perCall / 3)
        )
      })
  ]))
  const upstreamByModel = Object.fromEntries(Object.entries(upstream).map(([model, counts]) => [model, sum(counts)]))
  const cost = buckets.map((_, i) => sum(models.map((model, m) => upstream[model]![i]! * [2400, 4500, 750, 130][m]!)))
  const spent = sum(cost)
  const calls = sum(arrivals)
  return {
    name,
    title,
    tells,
    calls,
    answered: calls - sum(errors),
    errors: sum(errors),
    errorsByTag: sum(errors) === 0 ? {} : { TimedOut: sum(errors) },
    degradation: { none: sum(none), fallback: sum(fallback), stale: sum(stale), canned: sum(canned) },
    cached: hasAll(name) ? Math.round(sum(none) / 5) : 0,
    latency: { p50: 801, p90: 4000, p95: Math.max(...p50), p99: 1.2 * Math.max(...p50), max: 1.5 * Math.max(...p50) },
    upstreamCalls: sum(Object.values(upstreamByModel)),
    upstreamByModel,
    callsInVain: name === "full" ? 1000 : name === "adaptive" ? 900 : sum(errors),
    primaryCallsWhileDown: sum(
      buckets.map((at, i) => /slow|down/.test(phaseAt(at).primary) ? upstream[primary]![i]! : 0)
    ),
    maxInFlight: Math.round(peakRate * Math.max(...p50) / 1000),
    cost: {
      spent,
      wasted: hasAll(name) ? Math.round(spent / 50) : Math.round(spent / 2),
      saved: hasAll(name) ? Math.round(spent) : 0
    },
    openedAfter: name === "breaker" || hasAll(name) ? 14 : null,
    recoveredAfter: name === "retry" ? null : name === "full" ? 126 : name === "adaptive" ? 140 : 60,
    circuits: hasAll(name)
      ? models.map((model) => ({ model, changes: changesOf(model, name) }))
      : name === "breaker"
      ? [{ model: primary, changes: changesOf(primary, name) }]
      : [],
    series: {
      arrivals,
      none,
      fallback,
      stale,
      canned,
      errors,
      p50,
      p95: p50.map((ms) => ms * 1.6),
      p99: p50.map((ms, i) => i < 2 ? null : ms * 2.4),
      upstream,
      cost,
      inFlight: buckets.map((_, i) => Math.round((arrivals[i]! / interval) * p50[i]! / 1000))
    }
  }
}

export const reportData = (): Report.ReportData => {
  const lanes = (["bare", "timeout", "retry", "breaker", "full", "adaptive"] as const).map(lane)
  const calls = lanes[0]!.calls
  return {
    version: 1,
    seed: "double eleven",
    nodes: 1,
    callsPerLane: calls,
    virtualCalls: calls * lanes.length,
    night: { seconds: phases.at(-1)!.to, interval, phases },
    models: [...models],
    lanes,
    digest: "0123456789abcdef".repeat(4)
  }
}
