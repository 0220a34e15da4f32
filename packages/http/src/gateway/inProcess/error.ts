/** Why a gateway cannot be opened. */

/**
 * A gateway cannot be opened, or cannot take over another file. The message says all of it.
 *
 * @category errors
 * @since 0.1.0
 */
export class OpenGatewayError extends Error {
  override readonly name = "OpenGatewayError"
  /** Whether what it says is wrong, the file cannot be read, or the address for operators cannot be listened on. */
  readonly code: "config-invalid" | "file-unreadable" | "listen-failed"
  /** Everything that is wrong with a file, each with its place. */
  readonly problems: ReadonlyArray<{ readonly place: string; readonly problem: string }>

  constructor(
    message: string,
    code: OpenGatewayError["code"],
    problems: OpenGatewayError["problems"] = []
  ) {
    super(message)
    this.code = code
    this.problems = problems
  }
}
