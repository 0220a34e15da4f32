/**
 * Builds an error without the capture of a stack trace, which costs several microseconds and tells only where a guard
 * refused, which the error's fields tell better. Under overload most calls are rejections.
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
