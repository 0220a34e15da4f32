/**
 * Registers series that are only read. Two layers may publish the same series, one inside the other: the last one is shown, and
 * when it goes, the one before is shown again.
 */
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"

interface Shown {
  readonly show: () => Metric.Registration
  registration: Metric.Registration
}

// The layers that publish a series, by metric registry and series. The last one is shown.
const all = new WeakMap<object, Map<string, Array<Shown>>>()

/** Returns a function that takes the series away. */
export const showSeries = <Input, State>(
  metric: Metric.Metric<Input, State>,
  context: Context.Context<never>,
  get: () => State
): () => void => {
  const registry = Context.get(context, Metric.MetricRegistry)
  const series = all.get(registry) ?? new Map<string, Array<Shown>>()
  all.set(registry, series)
  const key = JSON.stringify([metric.id, metric.attributes, Context.get(context, Metric.CurrentMetricAttributes)])
  const layers = series.get(key) ?? []
  series.set(key, layers)
  const show = () => Metric.registerUnsafe(metric, context, { get, update: () => {}, modify: () => {} })
  const shown = { show, registration: show() }
  layers.push(shown)
  return () => {
    shown.registration.remove()
    const at = layers.indexOf(shown)
    if (at < 0) return
    layers.splice(at, 1)
    const last = layers.at(-1)
    if (last === undefined) series.delete(key)
    else if (at === layers.length) last.registration = last.show()
  }
}
