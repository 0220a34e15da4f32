/** The latency of an option, checked once and ready to be drawn. */
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import type * as Random from "effect/Random"
import type { OptionsOf } from "../../internal/config/checks.ts"
import * as Latency from "../Latency.ts"
import { checkLatency } from "./check.ts"

/** Draws milliseconds. A plain duration is a constant; without one, it is zero. */
export const drawOf = (
  check: OptionsOf,
  field: string,
  latency: Duration.Input | Latency.Latency | undefined
): (random: Random.Random) => number =>
  latency === undefined ? () => 0 : Latency.sampler(latencyOf(check, field, latency))

/** A plain duration as a constant latency. Rejects what is out of range. */
export const latencyOf = (
  check: OptionsOf,
  field: string,
  latency: Duration.Input | Latency.Latency
): Latency.Latency => {
  const given = isLatency(latency) ? latency : Latency.constant(Duration.millis(check.delay(field, latency)))
  checkLatency(check, field, given)
  return given
}

const isLatency = (latency: Duration.Input | Latency.Latency): latency is Latency.Latency =>
  Predicate.hasProperty(latency, "_tag")
