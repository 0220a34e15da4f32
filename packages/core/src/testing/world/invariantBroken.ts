/** The error of a world in which an invariant does not hold. */
import * as Schema from "effect/Schema"
import { moment } from "../words.ts"

/**
 * An invariant does not hold. The message has the faults and the last messages before it.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvariantBroken
  extends Schema.TaggedError<InvariantBroken>("@switchgear/core/testing/World/InvariantBroken")("InvariantBroken", {
    invariant: Schema.String,
    /** What the invariant says is wrong. */
    problem: Schema.String,
    seed: Schema.String,
    /** When it broke, in milliseconds since the start of the world. */
    millis: Schema.Number,
    /** The faults of the script, one line each. */
    faults: Schema.Array(Schema.String),
    /** The last messages and faults, one line each. */
    last: Schema.Array(Schema.String)
  })
{
  override get message(): string {
    return [
      `World, seed ${JSON.stringify(this.seed)}: it is broken at ${moment(this.millis)} that ${this.invariant}`,
      this.problem,
      ...this.faults.length === 0 ? ["", "Without any fault."] : ["", "Faults:", ...this.faults],
      "",
      "What happened last:",
      ...this.last
    ].join("\n")
  }
}
