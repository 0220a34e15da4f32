/** What it takes to refuse a call, at full blast: at the door, by a full bulkhead, and by an open circuit. */
import { compared, type Row, type Section } from "../section.ts"
import type { Settings } from "../settings.ts"
import { median } from "../stats.ts"
import type { Child } from "./child.ts"
import type { Clients } from "./clients.ts"
import { Connection } from "./load/connection.ts"
import { requestOf } from "./load/request.ts"
import { client, gateway, urlOf } from "./proxies.ts"
import type { Proxy } from "./proxy.ts"
import { adminToken } from "./operatorsToken.ts"

const fileOf = (upstream: string, maxRequests: number): string => `
listen: { port: 0, maxRequests: ${maxRequests} }
admin: { port: 0, token: ${adminToken} }
providers: { p: { baseUrl: ${upstream}, apiKey: sk-0123456789abcdefghij } }
models: { hanging: { provider: p, bulkhead: { concurrency: 1, queue: 0 }, attemptTimeout: 10 minutes, deadline: 10 minutes } }
cascades: { assistant: { steps: [hanging] } }
prices: { hanging: { input: 2, output: 8 } }
${client}`

/** Takes the only place there is, and keeps it. */
const holdPlace = async ({ child: { ports }, model, target }: Proxy): Promise<void> => {
  const connection = new Connection(ports.port)
  connection.ask(requestOf({ ...target, model, port: ports.port })).catch(() => {})
  const overview = `http://127.0.0.1:${ports.adminPort}/admin/overview`
  for (;;) {
    const { requests } = await (await fetch(overview, { headers: asOperator })).json() as {
      readonly requests: { readonly inFlight: number }
    }
    if (requests.inFlight > 0) return
  }
}

const openCircuit = async ({ child: { ports } }: Proxy): Promise<void> => {
  const response = await fetch(`http://127.0.0.1:${ports.adminPort}/admin/circuits/hanging`, {
    method: "POST",
    headers: { ...asOperator, "content-type": "application/json" },
    body: JSON.stringify({ command: "open", reason: "the benchmark" })
  })
  if (response.status !== 200) throw new Error(`The circuit was not opened: ${await response.text()}`)
}

const asOperator = { authorization: `Bearer ${adminToken}` }

const refusals = [
  ["before the body is read: maxRequests", 1, holdPlace],
  ["by a full bulkhead", 100_000, holdPlace],
  ["by an open circuit", 100_000, openCircuit]
] as const

export const shed = async ({ mode }: Settings, clients: Clients, upstream: Child): Promise<Section> => {
  const full = mode === "full"
  const rows: Array<Row> = []
  for (const [what, maxRequests, prepare] of refusals) {
    const proxy = await gateway(fileOf(urlOf(upstream), maxRequests), `the gateway that refuses ${what}`)
    await prepare(proxy)
    const turn = async (millis: number) => {
      const { asked, cpu, millis: took } = await clients.ask(proxy, {
        kind: "closed",
        connections: 32,
        millis,
        status: 503
      })
      return { cpu: cpu / asked, perSecond: 1000 * asked / took }
    }
    await turn(full ? 5000 : 500)
    const turns: Array<Awaited<ReturnType<typeof turn>>> = []
    for (let round = 0; round < (full ? 7 : 3); round++) turns.push(await turn(full ? 1000 : 300))
    proxy.child.end()
    const cpu = median(turns.map((turn) => turn.cpu))
    rows.push(
      { what, unit: "per second", value: median(turns.map(({ perSecond }) => perSecond)), comparisons: [] },
      { what: `${what}: CPU`, unit: "ns", value: cpu, comparisons: [compared("70 µs", cpu / 70_000, 1)] }
    )
  }
  return { title: "Gateway: refusing a call, 32 connections that ask again at once", notes: [], rows }
}
