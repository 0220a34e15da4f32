/** The error of an invalid scenario. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { OptionsOf, render } from "../../internal/config/checks.ts"

/**
 * An invalid scenario. `at` names the place, such as `provider[1].for`. No call was made.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidScenario
  extends Schema.TaggedError<InvalidScenario>("@switchgear/core/testing/Scenario/InvalidScenario")("InvalidScenario", {
    scenario: Schema.String,
    at: Schema.String,
    reason: Schema.String
  })
{
  override get message(): string {
    return `The scenario "${this.scenario}" cannot be run: ${this.at} ${this.reason}.`
  }
}

/** Fails with what is invalid. */
export const refusing = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | InvalidScenario, R> =>
  Effect.catchDefect(effect, (defect) => defect instanceof InvalidScenario ? Effect.fail(defect) : Effect.die(defect))

/** Checks the values at one place of a scenario. */
export class Place extends OptionsOf {
  readonly scenario: string

  constructor(scenario: string, at: string) {
    super(at)
    this.scenario = scenario
  }

  override within(field: string): Place {
    return new Place(this.scenario, `${this.where}${field}.`)
  }

  override refuse(field: string, range: string, value: unknown): never {
    return this.reject(field, `must be ${range}, got ${render(value)}`)
  }

  override refuseUnknown(field: string, fields: ReadonlyArray<string>): never {
    return this.reject(field, `is not a field here. There are: ${fields.join(", ")}`)
  }

  reject(field: string, reason: string): never {
    throw new InvalidScenario({ scenario: this.scenario, at: this.where + field, reason })
  }
}
