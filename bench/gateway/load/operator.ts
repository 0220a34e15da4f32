/**
 * How long a gateway takes to say that it is ready, and to show its page, while something else is done to it. In a process of its own:
 * the one that leads the benchmark holds the times of millions of calls, and its collector would take the gateway's cores.
 */
import { setTimeout } from "node:timers/promises"
import type { Ports } from "../measured.ts"
import { adminToken } from "../operatorsToken.ts"

const asOperator = { authorization: `Bearer ${adminToken}` }

/** Whom to look after, and for how long. */
export interface Watch {
  readonly ports: Ports
  readonly millis: number
}

/** Milliseconds of each answer. */
export interface Answers {
  readonly ready: ReadonlyArray<number>
  readonly page: ReadonlyArray<number>
  readonly overview: ReadonlyArray<number>
  /** Between one event of the page's feed and the next. */
  readonly feed: ReadonlyArray<number>
}

const time = async (url: string, headers: Record<string, string> = {}): Promise<number> => {
  const began = performance.now()
  const response = await fetch(url, { headers })
  await response.arrayBuffer()
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}`)
  return performance.now() - began
}

/** As the page does it: one request that lasts. */
const feedOf = async (url: string, signal: AbortSignal): Promise<ReadonlyArray<number>> => {
  const gaps: Array<number> = []
  const response = await fetch(url, { headers: asOperator, signal })
  let last: number | undefined
  try {
    for await (const piece of response.body!) {
      if (!new TextDecoder().decode(piece).includes("event: snapshot")) continue
      const now = performance.now()
      if (last !== undefined) gaps.push(now - last)
      last = now
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return gaps
}

const watch = async ({ millis, ports }: Watch): Promise<Answers> => {
  const client = `http://127.0.0.1:${ports.port}`
  const admin = `http://127.0.0.1:${ports.adminPort}`
  const left = new AbortController()
  const feed = feedOf(`${admin}/admin/stream`, left.signal)
  const answers = { ready: [] as Array<number>, page: [] as Array<number>, overview: [] as Array<number> }
  const end = performance.now() + millis
  while (performance.now() < end) {
    answers.ready.push(await time(`${client}/health/ready`))
    answers.page.push(await time(`${admin}/`))
    answers.overview.push(await time(`${admin}/admin/overview`, asOperator))
    await setTimeout(50)
  }
  left.abort()
  return { ...answers, feed: await feed }
}

process.on("message", async (order: Watch) => process.send?.(await watch(order)))
process.on("disconnect", () => process.exit())
process.send?.({ port: 0 })
