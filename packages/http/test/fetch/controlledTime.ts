/** Runs with timers and clocks that pass over each wait at once, so that hours take no time. */
import { vi } from "vitest"

/** Time moves from one timer to the next, as soon as what the last one has begun rests. */
export const inControlledTime = async <A>(run: () => Promise<A>): Promise<A> => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] })
  // The clock of fibers has kept the object, and asks it for the time.
  const hrtime = vi.spyOn(process.hrtime, "bigint").mockImplementation(() =>
    BigInt(Math.round(performance.now() * 1e6))
  )
  try {
    let isOver = false
    const running = run().finally(() => (isOver = true))
    running.catch(() => {})
    while (!isOver) {
      await rest()
      if (!isOver) vi.advanceTimersToNextTimer()
    }
    return await running
  } finally {
    hrtime.mockRestore()
    vi.useRealTimers()
  }
}

/** Fibers go on in immediates: what a timer has begun rests after a few of them. */
const rest = async () => {
  for (let turn = 0; turn < 16; turn++) await new Promise((resolve) => setImmediate(resolve))
}

export const sleep = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000))
