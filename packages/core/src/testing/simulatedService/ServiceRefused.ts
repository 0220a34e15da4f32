/** The error of a simulated service that is full. */
import * as Schema from "effect/Schema"

/**
 * A simulated service has refused a call, because all its slots and all places of its queue were taken.
 *
 * @since 0.1.0
 * @category errors
 */
export class ServiceRefused
  extends Schema.TaggedError<ServiceRefused>("@switchgear/core/testing/SimulatedService/ServiceRefused")(
    "ServiceRefused",
    { service: Schema.String }
  )
{
  get isRetryable(): boolean {
    return true
  }

  override get message(): string {
    return `The simulated service "${this.service}" refused the call: it is at its capacity. Try again later.`
  }
}
