/** One client with one connection: what a proxy adds to the time of an answer, and to the time of the first content of a stream. */
import { compared, type Row, type Section } from "../section.ts"
import type { Settings } from "../settings.ts"
import { median } from "../stats.ts"
import type { Clients } from "./clients.ts"
import { names } from "./proxies.ts"
import type { Proxy } from "./proxy.ts"

type Times = ReadonlyMap<string, number>

export const alone = async ({ mode }: Settings, clients: Clients, proxies: ReadonlyArray<Proxy>): Promise<Section> => {
  const full = mode === "full"
  const whole: Array<Times> = []
  const streamed: Array<Times> = []
  const each = async (time: (proxy: Proxy) => Promise<number>): Promise<Times> => {
    const times = new Map<string, number>()
    for (const proxy of proxies) times.set(proxy.name, await time(proxy))
    return times
  }
  for (let round = 0; round < (full ? 11 : 3); round++) {
    whole.push(
      await each(async (proxy) => {
        const order = { kind: "closed", connections: 1, millis: full ? 500 : 200, status: 200 } as const
        return median((await clients.ask(proxy, order)).times[200]!)
      })
    )
    streamed.push(
      await each(async (proxy) => {
        const order = { kind: "first", times: full ? 200 : 50 } as const
        return median((await clients.ask(proxy, order)).times[200]!)
      })
    )
  }
  const rowsOf = (what: string, rounds: ReadonlyArray<Times>, bound: number): ReadonlyArray<Row> =>
    proxies.map(({ name }) => {
      const value = median(rounds.map((times) => times.get(name)!))
      if (name === names.provider) return { what: `${what}, ${name}`, unit: "ms", value, comparisons: [] }
      const overhead = median(rounds.map((times) => times.get(name)! - times.get(names.provider)!))
      const comparisons = name === names.gateway ? [compared(`${bound} ms`, overhead / bound, 1)] : []
      return { what: `${what}, ${name}`, unit: "ms", value, overhead, comparisons }
    })
  return {
    title: "Gateway: one connection, medians",
    notes: ["The overhead is what the proxy adds to the provider's own time."],
    rows: [...rowsOf("whole answer", whole, 0.25), ...rowsOf("first content", streamed, 0.5)]
  }
}
