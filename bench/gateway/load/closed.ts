/** Connections that each ask again as soon as they have their answer. */
import { Connection } from "./connection.ts"
import type { Closed, Told } from "./orders.ts"
import { askAbout, requestOf } from "./request.ts"

// Goes on from one order to the next, so that no prompt comes again before all have come.
let next = 0

export const closed = async ({ connections, millis, more, prompts = 1, status, target }: Closed): Promise<Told> => {
  const times: Array<number> = []
  const began = performance.now()
  const client = async () => {
    const connection = new Connection(target.port)
    const request = requestOf(target, more)
    for (let now = began; now - began < millis;) {
      const sent = now
      if (prompts > 1) askAbout(request, next++ % prompts)
      const got = await connection.ask(request)
      if (got !== status) throw new Error(`Port ${target.port} answered ${got} instead of ${status}`)
      now = performance.now()
      times.push(now - sent)
    }
    connection.close()
  }
  await Promise.all(Array.from({ length: connections }, client))
  return {
    asked: times.length,
    times: { [status]: times },
    millis: performance.now() - began,
    wholeStreams: 0,
    events: 0
  }
}
