/** Whether a test holds for a value that may be anything: one that throws when it is tested, as a proxy can, does not pass. */
export const holds = <B>(value: unknown, test: (value: unknown) => value is B): value is B => {
  try {
    return test(value)
  } catch {
    return false
  }
}
