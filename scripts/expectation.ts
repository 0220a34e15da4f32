import { Equal } from "effect"
import { AssertionError } from "node:assert"

/**
 * The assertions of one documentation fence. Each `// => value` becomes a call of `equal`, and `done` fails when one of
 * them never ran: an assertion in a callback nobody calls would otherwise always hold.
 */
export const expectations = (file: string, lines: ReadonlyArray<number>) => {
  const pending = new Set(lines)
  return {
    equal: (line: number, actual: unknown, expected: unknown): void => {
      pending.delete(line)
      if (Equal.equals(actual, expected)) return
      throw new AssertionError({ message: `${file}:${line}: not the value after // =>`, actual, expected })
    },
    done: (): void => {
      for (const line of pending) {
        throw new AssertionError({ message: `${file}:${line}: the program ended before it came to this // =>` })
      }
    }
  }
}
