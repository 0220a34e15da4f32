/** The timers of the runtime, taken when this is loaded: a program may replace them later. */
interface Timers {
  readonly setTimeout: (run: () => void, millis: number) => unknown
  readonly clearTimeout: (timer: unknown) => void
}

const timers = globalThis as unknown as Timers

export const startReal = timers.setTimeout
export const stopReal = timers.clearTimeout
