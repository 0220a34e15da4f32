/** The process of one lane: its customers come when the script says so, and each waits no longer than their patience. */
import { monitorEventLoopDelay } from "node:perf_hooks"
import { setTimeout as sleep } from "node:timers/promises"
import type { Got, MakeLane } from "./answers.ts"
import { customers } from "./customers.ts"
import { type Settled, sumUp } from "./sumUp.ts"
import { beginnings, patience } from "./script.ts"
import type { Begin } from "./told.ts"

const [file, port] = process.argv.slice(2)
const { make } = await import(file!) as { readonly make: MakeLane }
const ask = await make([0, 1, 2, 3].map((place) => `http://127.0.0.1:${port}/${place}/v1`))

const errorOf = (error: unknown): Got => {
  const { _tag, code, name } = error as { readonly _tag?: string; readonly code?: string; readonly name?: string }
  return { from: "error", because: `${_tag ?? code ?? name ?? error}` }
}

const gaveUp: Got = { from: "gave up" }

const settled: Array<Settled> = []

const serve = async (question: string, at: number): Promise<void> => {
  const came = performance.now()
  const left = new AbortController()
  const got = await Promise.race([
    ask(question).catch(errorOf),
    sleep(patience, gaveUp, { signal: left.signal })
  ])
  left.abort()
  settled.push({ ...got, at, waited: performance.now() - came })
}

const play = async (begin: number): Promise<void> => {
  const until = (at: number) => sleep(Math.max(0, begin + at - Date.now()))
  await until(0)
  const delays = monitorEventLoopDelay({ resolution: 10 })
  delays.enable()
  const before = process.cpuUsage()
  const served: Array<Promise<void>> = []
  for (const { at, question } of customers()) {
    await until(at)
    served.push(serve(question, at))
  }
  await Promise.all(served)
  await until(beginnings.at(-1)!)
  const { system, user } = process.cpuUsage(before)
  process.send!(sumUp(settled, { cpu: (user + system) / 1000, stoodStill: delays.max / 1e6 }))
}

// Connections and compiled code are those of a service that runs.
for (let i = 0; i < 3; i++) await ask(`Warm-up ${i}`).catch(errorOf)

process.on("message", ({ begin }: Begin) => void play(begin))
process.on("disconnect", () => process.exit())
process.send!({ port: 0 })
