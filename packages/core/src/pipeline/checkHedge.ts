/** Refuses a hedge that could never start one, where that is known. */
import * as Duration from "effect/Duration"
import { machines } from "../hedge/machines.ts"
import type { Hedge } from "../hedge/model.ts"
import type { OptionsOf } from "../internal/config/checks.ts"
import { formatDuration } from "../internal/data/formatDuration.ts"
import type { Millis } from "./compose.ts"

export const checkHedge = (hedge: Hedge | undefined, { attempt, total }: Millis, check: OptionsOf): void => {
  const delay = hedge && machines.get(hedge.protectWith)?.rules.delay
  if (hedge === undefined || delay === undefined || delay === Infinity) return
  const refuse = (limit: "attemptTimeout" | "deadline", millis: number): never => {
    const [after, of] = [delay, millis].map((millis) => formatDuration(Duration.millis(millis)))
    throw new RangeError(
      `${check.where}: the delay of hedge ${JSON.stringify(hedge.name)} must be below ${limit}, ${of}, got ${after}. ` +
        "Leave delay out for the 95th percentile of the times of its calls"
    )
  }
  if (total !== undefined && delay >= total) refuse("deadline", total)
  if (attempt !== undefined && delay >= attempt) refuse("attemptTimeout", attempt)
}
