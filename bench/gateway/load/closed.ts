/** Connections that each ask again as soon as they have their answer. */
import { Connection } from "./connection.ts"
import type { Closed, Told } from "./orders.ts"
import { requestOf } from "./request.ts"

export const closed = async ({ connections, millis, status, target }: Closed): Promise<Told> => {
  const request = requestOf(target)
  const times: Array<number> = []
  const began = performance.now()
  const client = async () => {
    const connection = new Connection(target.port)
    for (let now = began; now - began < millis;) {
      const sent = now
      const got = await connection.ask(request)
      if (got !== status) throw new Error(`Port ${target.port} answered ${got} instead of ${status}`)
      now = performance.now()
      times.push(now - sent)
    }
    connection.close()
  }
  await Promise.all(Array.from({ length: connections }, client))
  return { times: { [status]: times }, millis: performance.now() - began, wholeStreams: 0, events: 0 }
}
