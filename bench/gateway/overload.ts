/**
 * What clients get, and what operators see, while fifteen times as many calls come as the upstream bears, and while the first
 * model hangs. The upstream answers after 100 ms on average, and the file lets 20 calls at once through to it: 200 a second are possible.
 */
import { compared, comparedAtLeast, type Row, type Section } from "../section.ts"
import type { Settings } from "../settings.ts"
import { mean, quantile } from "../stats.ts"
import { type Child, started } from "./child.ts"
import type { Clients, Measured } from "./clients.ts"
import { client, gateway, here, urlOf } from "./proxies.ts"
import { adminToken, type Answers, watched } from "./watched.ts"

/** Calls to a model at once. */
const places = 20

/** What the upstream bears: calls per second of 100 ms each. */
const capacity = places * 10

const calmly = capacity / 2

const crowd = 15 * capacity

/** A short queue: who waits in it, waits no longer than a fifth of what a call takes. */
const guards = `bulkhead: { concurrency: ${places}, queue: ${places / 5} }`

const fileOf = (upstream: string, models: string, steps: string, maxRequests: number): string => `
listen: { port: 0, maxRequests: ${maxRequests} }
admin: { port: 0, token: ${adminToken} }
providers: { p: { baseUrl: ${upstream}, apiKey: sk-0123456789abcdefghij } }
models:
  slow: { provider: p, ${guards} }
${models}
cascades: { assistant: { steps: [${steps}] } }
prices: { slow: { input: 2, output: 8 } }
${client}`

interface Night {
  readonly what: string
  readonly file: (upstream: string) => string
}

const nights: ReadonlyArray<Night> = [
  {
    what: `${crowd.toLocaleString("en-US")} calls/s`,
    file: (upstream) => fileOf(upstream, "", "slow", 24)
  },
  {
    what: `${crowd.toLocaleString("en-US")} calls/s, the first model hangs`,
    file: (upstream) =>
      fileOf(upstream, `  hanging: { provider: p, ${guards}, attemptTimeout: 500 millis }`, "hanging, slow", 100)
  }
]

const bareServer = `${crowd.toLocaleString("en-US")} calls/s to a bare server that refuses them`

const p99 = (times: ReadonlyArray<number>) => quantile(times, 0.99)

export const overload = async ({ mode }: Settings, clients: Clients, upstream: Child): Promise<Section> => {
  const full = mode === "full"
  const rows: Array<Row> = []
  const calm = await gateway(nights[0]!.file(urlOf(upstream)), "the gateway on a calm day")
  const unloaded = await clients.ask(calm, {
    kind: "open",
    perSecond: calmly,
    settlingMillis: full ? 5000 : 500,
    millis: full ? 25_000 : 2500
  })
  calm.child.end()
  rows.push({
    what: `${calmly} calls/s: p99 of an answer`,
    unit: "ms",
    value: p99(unloaded.times[200]!),
    comparisons: []
  })
  const order = {
    kind: "open",
    perSecond: crowd,
    settlingMillis: full ? 5000 : 1000,
    millis: full ? 20_000 : 3000
  } as const
  const refusing = await started("a bare server", here("refusing.ts"))
  await refusing.ask("watch")
  const bare = await clients.ask({ name: refusing.name, model: "m", child: refusing, target: calm.target }, order)
  refusing.end()
  rows.push(
    { what: `${bareServer}: p99 of a 503`, unit: "ms", value: p99(bare.times[503]!), comparisons: [] },
    { what: `${bareServer}: event-loop delay, p99`, unit: "ms", value: bare.delay / 1e6, comparisons: [] },
    { what: `${bareServer}: CPU of a call`, unit: "ns", value: bare.cpu / bare.asked, comparisons: [] }
  )
  for (const { file, what } of nights) {
    const proxy = await gateway(file(urlOf(upstream)), `the gateway at ${what}`)
    await proxy.child.ask("watch")
    const [measured, answers] = await watched(proxy.child, clients.ask(proxy, order))
    proxy.child.end()
    rows.push(...rowsOf(what, measured, answers, unloaded, order.millis - order.settlingMillis))
  }
  return {
    title: `Gateway: overload, an upstream that bears ${capacity} calls/s`,
    notes: [
      "Clients come at random, whatever became of those before. The first seconds, in which code is compiled and circuits open, are not in it.",
      "What the bare server takes longer than a millisecond for, the machine does: nobody is faster in this run.",
      "Readiness, the page and its data are asked for every 50 ms, with its feed open."
    ],
    rows
  }
}

const rowsOf = (
  what: string,
  { asked, cpu, delay, times }: Measured,
  { feed, overview, page, ready }: Answers,
  unloaded: Measured,
  millis: number
): ReadonlyArray<Row> => {
  const accepted = times[200] ?? []
  const shed = times[503] ?? []
  const others = Object.entries(times).filter(([status]) => status !== "200" && status !== "503")
  // An answer takes the provider's 100 ms and the way there and back, as on the calm day.
  const possible = Math.floor(places * millis / mean(unloaded.times[200]!))
  const row = (name: string, unit: Row["unit"], value: number, ...comparisons: Row["comparisons"]): Row => ({
    what: `${what}: ${name}`,
    unit,
    value,
    comparisons
  })
  const within = (name: string, value: number, bound: number) =>
    row(name, "ms", value, compared(`${bound} ms`, value / bound, 1))
  return [
    row(
      "answered",
      "count",
      accepted.length,
      comparedAtLeast(`${possible.toLocaleString("en-US")} possible`, accepted.length / possible, 0.98)
    ),
    row(
      "p99 of an answer",
      "ms",
      p99(accepted),
      compared("that of a calm day", p99(accepted) / p99(unloaded.times[200]!), 1.3)
    ),
    row("shed, with 503", "count", shed.length),
    within("p99 of a 503", p99(shed), 5),
    row("anything else", "count", others.reduce((sum, [, times]) => sum + times.length, 0)),
    row("CPU of a call, answered or shed", "ns", cpu / asked),
    within("event-loop delay, p99", delay / 1e6, 10),
    within("readiness, slowest answer", Math.max(...ready), 100),
    within("page, slowest answer", Math.max(...page), 100),
    within("data of the page, slowest answer", Math.max(...overview), 100),
    row("feed of the page, longest silence", "ms", Math.max(...feed))
  ]
}
