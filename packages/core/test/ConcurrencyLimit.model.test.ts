import { it } from "@effect/vitest"
import { Arbitraries } from "@switchgear/core/testing"
import { history, Setup, subject } from "./concurrencyLimit/callsModel.ts"

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 100)

it.effect.prop(
  "the limit does what the model does, whatever the history",
  { setup: Setup, history },
  ({ history, setup }) => Arbitraries.play(history, subject(setup)),
  { arbitrary: { runs, size: 100, maxShrinks: 2000 }, timeout: 5000 + 20 * runs }
)
