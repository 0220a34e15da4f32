/** The error of a call to a node that is down. */
import * as Schema from "effect/Schema"

/**
 * The other node is down, or has not yet built its services. The call was not executed.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionRefused
  extends Schema.TaggedError<ConnectionRefused>("@switchgear/core/testing/World/ConnectionRefused")(
    "ConnectionRefused",
    { node: Schema.String }
  )
{
  readonly isRetryable = true

  override get message(): string {
    return `Node ${JSON.stringify(this.node)} refused the connection: it is down or still starting`
  }
}
