/** Requests, each of another prompt, that come at their own rate with exponential gaps between them, whatever became of those before. */
import { setTimeout } from "node:timers/promises"
import { Connection } from "./connection.ts"
import type { Open, Told } from "./orders.ts"
import { askAbout, requestOf } from "./request.ts"

interface Client {
  readonly connection: Connection
  readonly request: Buffer
}

export const open = async ({ millis, perSecond, settlingMillis, target }: Open): Promise<Told> => {
  const random = drawn()
  const idle: Array<Client> = []
  const times: Record<number, Array<number>> = {}
  const underWay = new Set<Promise<void>>()
  const began = performance.now()

  let asked = 0
  const arrive = async () => {
    asked++
    let client = idle.pop()
    while (client !== undefined && !client.connection.isOpen) client = idle.pop()
    client ??= { connection: new Connection(target.port), request: requestOf(target) }
    // An answer to the same prompt may be there already.
    askAbout(client.request, asked)
    const sent = performance.now()
    const status = await client.connection.ask(client.request).catch(() => 0)
    const now = performance.now()
    if (sent - began >= settlingMillis) (times[status] ??= []).push(now - sent)
    if (status !== 0) idle.push(client)
  }

  let due = 0
  while (due < millis) {
    while (due <= performance.now() - began && due < millis) {
      const arrival = arrive().finally(() => underWay.delete(arrival))
      underWay.add(arrival)
      due += -Math.log(1 - random()) * 1000 / perSecond
    }
    await setTimeout(1)
  }
  await Promise.all(underWay)
  for (const { connection } of idle) connection.close()
  return { asked, times, millis: performance.now() - began - settlingMillis, wholeStreams: 0, events: 0 }
}

/** Numbers from 0 to 1, the same in every run: mulberry32. */
const drawn = (): () => number => {
  let state = 1
  return () => {
    state = state + 0x6d2b79f5 | 0
    let mixed = Math.imul(state ^ state >>> 15, 1 | state)
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32
  }
}
