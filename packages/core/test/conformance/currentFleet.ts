/** The fleet that is around what is played; none, where nobody says so. */
import { Context, Layer } from "effect"

export const CurrentFleet = Context.Reference<Layer.Layer<never>>("conformance/CurrentFleet", {
  defaultValue: () => Layer.empty
})
