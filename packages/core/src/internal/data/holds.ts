/** Whether a type test holds for any value. A value that throws while it is tested, such as a proxy, does not pass. */
export const holds = <B>(value: unknown, test: (value: unknown) => value is B): value is B => {
  try {
    return test(value)
  } catch {
    return false
  }
}
