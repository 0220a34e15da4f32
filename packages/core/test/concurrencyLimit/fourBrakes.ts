/**
 * `"gradient"` as it was first designed, to compare with: a brake is released, and not undone, after four in a row that
 * brought less than 10 %; brakes do not wait for each other, every drop counts whole, and every window is part of the first
 * baseline.
 */
import type { ConcurrencyLimit } from "@switchgear/core"
import { ClassesModel } from "./classesModel.ts"

export const fourBrakes: ConcurrencyLimit.MakeAlgorithm = (rules) => {
  const { backoff, initial, max, min, minimumCalls, tolerance, window } = rules
  const all = new ClassesModel(Infinity)
  let limit = initial
  let opened = 0
  let judged = 0
  let dropped = 0
  let peak = 0
  let isStarting = true
  let brakes = 0
  let stretchBefore = 1

  const close = () => {
    const { classes, stretch } = all.close()
    const share = dropped >= 2 ? dropped / judged : 0
    if (stretch > tolerance || share > 0) isStarting = false
    if (stretch <= tolerance) {
      brakes = 0
      if (2 * peak >= limit) limit += (isStarting ? limit / 4 : Math.max(1, Math.sqrt(limit) / 2)) * (1 - share)
    } else {
      if (brakes++ === 0) stretchBefore = stretch
      if (brakes > 4 && stretch > 0.9 * stretchBefore) {
        for (const { baseline, median } of classes) baseline.value = median
        brakes = 0
      } else {
        limit *= Math.max(0.8, tolerance / stretch)
        if (stretch < 0.9 * stretchBefore) {
          stretchBefore = stretch
          brakes = 1
        }
      }
    }
    limit = Math.min(max, Math.max(min, limit * (1 - Math.min(0.3, share * backoff))))
  }

  return {
    get limit() {
      return limit
    },
    reason: "hold",
    begun: (inFlight) => {
      peak = Math.max(peak, inFlight)
    },
    sampled: (index, sample) => all.add(index, sample),
    ended: (call, now) => {
      judged++
      peak = Math.max(peak, call.inFlight)
      if (call.outcome === "drop") dropped++
      if (judged < minimumCalls || now - opened < window) return
      close()
      opened = now
      judged = dropped = peak = 0
    },
    reset: () => {},
    read: () => ({ stretch: 1, drops: 0, baselines: [] })
  }
}
