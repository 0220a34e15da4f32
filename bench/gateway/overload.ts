/**
 * What clients get, and what operators see, while fifteen times as many calls come as the upstream bears, and while the first
 * model hangs. The upstream answers after 100 ms on average, and the file lets 20 calls at once through to it: 200 a second are possible.
 */
import { compared, comparedAtLeast, type Row, type Section } from "../section.ts"
import type { Settings } from "../settings.ts"
import { mean, median, quantile } from "../stats.ts"
import { type Child, started } from "./child.ts"
import type { Clients, Measured } from "./clients.ts"
import { client, gateway, here, urlOf } from "./proxies.ts"
import type { Answers, Watch } from "./load/operator.ts"
import { adminToken } from "./operatorsToken.ts"

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

/** A night as often as it is played, so that a moment in which the machine had other work is not what is told. */
const rounds = { full: 3, quick: 1 } as const

type Played = readonly [measured: Measured, answers: Answers]

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
    millis: full ? 15_000 : 3000
  } as const
  const refuse = async (): Promise<Measured> => {
    const refusing = await started("a bare server", here("refusing.ts"))
    await refusing.ask("watch")
    const measured = await clients.ask({ name: refusing.name, model: "m", child: refusing, target: calm.target }, order)
    refusing.end()
    return measured
  }
  const play = async ({ file, what }: Night): Promise<Played> => {
    const proxy = await gateway(file(urlOf(upstream)), `the gateway at ${what}`)
    await proxy.child.ask("watch")
    const { ports } = proxy.child
    const played = await Promise.all([clients.ask(proxy, order), operator.ask({ ports, millis: order.millis })])
    proxy.child.end()
    return played
  }
  const operator = await started<Watch, Answers>("an operator", here("load/operator.ts"))
  const bare: Array<Measured> = []
  const played = nights.map((): Array<Played> => [])
  for (let round = 0; round < rounds[full ? "full" : "quick"]; round++) {
    bare.push(await refuse())
    for (const [i, night] of nights.entries()) played[i]!.push(await play(night))
  }
  operator.end()
  const ofBare = (of: (measured: Measured) => number) => median(bare.map(of))
  rows.push(
    {
      what: `${bareServer}: p99 of a 503`,
      unit: "ms",
      value: ofBare(({ times }) => p99(times[503]!)),
      comparisons: []
    },
    {
      what: `${bareServer}: event-loop delay, p99`,
      unit: "ms",
      value: ofBare(({ delay }) => delay / 1e6),
      comparisons: []
    },
    {
      what: `${bareServer}: CPU of a call`,
      unit: "ns",
      value: ofBare(({ asked, cpu }) => cpu / asked),
      comparisons: []
    }
  )
  for (const [i, { what }] of nights.entries()) {
    rows.push(...rowsOf(what, played[i]!, unloaded, order.millis - order.settlingMillis))
  }
  return {
    title: `Gateway: overload, an upstream that bears ${capacity} calls/s`,
    notes: [
      "Clients come at random, whatever became of those before. The first seconds, in which code is compiled and circuits open, are not in it.",
      `Each is played ${rounds.full} times in turn, by a new process each; of the times, the median is told, and of the slowest answers the slowest.`,
      "What the bare server takes longer than a millisecond for, the machine does: nobody is faster in this run.",
      "Readiness, the page and its data are asked for every 50 ms, with its feed open."
    ],
    rows
  }
}

const rowsOf = (
  what: string,
  played: ReadonlyArray<Played>,
  unloaded: Measured,
  millis: number
): ReadonlyArray<Row> => {
  const count = (of: (status: string) => boolean) =>
    played.reduce(
      (sum, [{ times }]) =>
        sum + Object.entries(times).reduce((count, [status, { length }]) => of(status) ? count + length : count, 0),
      0
    )
  const middle = (of: (measured: Measured) => number) => median(played.map(([measured]) => of(measured)))
  const slowest = (of: (answers: Answers) => ReadonlyArray<number>) =>
    Math.max(...played.flatMap(([, answers]) => of(answers)))
  const accepted = count((status) => status === "200")
  const p99Accepted = middle(({ times }) => p99(times[200] ?? []))
  const delay = middle(({ delay }) => delay / 1e6)
  // An answer takes the provider's 100 ms and the way there and back, as on the calm day.
  const possible = Math.floor(played.length * places * millis / mean(unloaded.times[200]!))
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
      accepted,
      comparedAtLeast(`${possible.toLocaleString("en-US")} possible`, accepted / possible, 0.98)
    ),
    row(
      "p99 of an answer",
      "ms",
      p99Accepted,
      compared("that of a calm day", p99Accepted / p99(unloaded.times[200]!), 1.3)
    ),
    row("shed, with 503", "count", count((status) => status === "503")),
    within("p99 of a 503", middle(({ times }) => p99(times[503] ?? [])), 5),
    row("anything else", "count", count((status) => status !== "200" && status !== "503")),
    row("CPU of a call, answered or shed", "ns", middle(({ asked, cpu }) => cpu / asked)),
    within("event-loop delay, p99", delay, 10),
    within("readiness, slowest answer", slowest(({ ready }) => ready), 100),
    within("page, slowest answer", slowest(({ page }) => page), 100),
    within("data of the page, slowest answer", slowest(({ overview }) => overview), 100),
    row("feed of the page, longest silence", "ms", slowest(({ feed }) => feed))
  ]
}
