/**
 * Builds an error without the capture of a stack trace: where a guard refused is told by the fields of its error, and
 * under overload most calls are refused.
 */
// V8's own field; engines without it have no limit to lower.
const Errors: { stackTraceLimit?: number } = Error as never

export const withoutStack = <E>(build: () => E): E => {
  const limit = Errors.stackTraceLimit!
  Errors.stackTraceLimit = 0
  try {
    return build()
  } finally {
    Errors.stackTraceLimit = limit
  }
}
