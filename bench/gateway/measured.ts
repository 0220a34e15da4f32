/** What every process that is measured does beside its work: it tells its ports to its parent, and what it uses when it is asked. */
import { monitorEventLoopDelay } from "node:perf_hooks"

export interface Usage {
  /** Of all threads, in nanoseconds: user and system. */
  readonly cpu: number
  /** Resident, in bytes. */
  readonly memory: number
  /** Nanoseconds that the event loop was late, 99 of 100 times at most, since the last time this was asked. */
  readonly delay: number
}

// How often the delay is sampled, which is in each sample.
const resolution = 5

let delays: ReturnType<typeof monitorEventLoopDelay> | undefined

const usage = (): Usage => {
  const { system, user } = process.cpuUsage()
  const delay = delays === undefined || delays.count === 0 ? 0 : Math.max(0, delays.percentile(99) - resolution * 1e6)
  delays?.reset()
  return { cpu: (user + system) * 1000, memory: process.memoryUsage.rss(), delay }
}

/** Where a process listens. */
export interface Ports {
  readonly port: number
  /** For operators, where there is such an address. */
  readonly adminPort?: number | undefined
}

export const measured = (ports: Ports): void => {
  process.send?.(ports)
  process.on("message", (message) => {
    // Sampling takes CPU, so that it begins where it is asked for.
    if (message === "watch") {
      delays ??= monitorEventLoopDelay({ resolution })
      delays.enable()
    }
    process.send?.(usage())
  })
  process.on("disconnect", () => process.exit())
}
