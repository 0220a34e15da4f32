/**
 * What a request costs a proxy in CPU, 32 connections at once, with the provider and the clients in processes of their own. The
 * proxies take turns, so that all have the same machine.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { Agent, request } from "node:http"
import { compared, type Row, type Section } from "../section.ts"
import type { Settings } from "../settings.ts"
import { median } from "../stats.ts"

const bodyOf = (model: string) =>
  JSON.stringify({
    model,
    messages: [
      { role: "system", content: "You are a helpful assistant of a shop." },
      { role: "user", content: "Where is my parcel? It was sent on Monday." }
    ],
    temperature: 0.2
  })

interface Proxy {
  readonly name: string
  readonly child: ChildProcess
  readonly port: number
  readonly body: string
}

const proxies = [
  ["bare proxy, node:http", "http.ts", "gpt-4.1"],
  ["bare proxy, undici", "undici.ts", "gpt-4.1"],
  ["gateway: a cascade, limits, circuit, costs, cache", "switchgear.ts", "assistant"]
] as const

const started = async (name: string, file: string, model: string, upstream: string): Promise<Proxy> => {
  const child = fork(new URL(`../gateway/${file}`, import.meta.url), [upstream])
  const [port] = await once(child, "message")
  return { name, child, port, body: bodyOf(model) }
}

const cpuOf = async ({ child }: Proxy): Promise<number> => {
  const answer = once(child, "message")
  child.send("cpu")
  return (await answer)[0]
}

const agent = new Agent({ keepAlive: true, maxSockets: 32 })

const ask = ({ body, name, port }: Proxy): Promise<void> =>
  new Promise((resolve, reject) => {
    const asking = request({
      port,
      host: "127.0.0.1",
      path: "/v1/chat/completions",
      method: "POST",
      agent,
      headers: {
        authorization: "Bearer sk-shop-0123456789",
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body)
      }
    }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${name}: ${response.statusCode}`))
      response.resume().on("end", resolve)
    })
    asking.on("error", reject)
    asking.end(body)
  })

/** CPU of the proxy for each request, in nanoseconds, and the median of how long one took, in nanoseconds. */
const busy = async (proxy: Proxy, millis: number, connections: number) => {
  const until = performance.now() + millis
  const before = await cpuOf(proxy)
  const took: Array<number> = []
  const client = async () => {
    while (performance.now() < until) {
      const begun = performance.now()
      await ask(proxy)
      took.push(1e6 * (performance.now() - begun))
    }
  }
  await Promise.all(Array.from({ length: connections }, client))
  return { cpu: ((await cpuOf(proxy)) - before) * 1000 / took.length, took: median(took) }
}

export const gateway = async (settings: Settings): Promise<Section> => {
  const full = settings.mode === "full"
  const provider = fork(new URL("../client/provider.ts", import.meta.url))
  const [port] = await once(provider, "message")
  const upstream = `http://127.0.0.1:${port}/length/v1/chat/completions`
  const all = await Promise.all(proxies.map(([name, file, model]) => started(name, file, model, upstream)))
  for (const proxy of all) await busy(proxy, full ? 5000 : 500, 32)
  const cpu: Array<ReadonlyArray<number>> = []
  const alone: Array<ReadonlyArray<number>> = []
  for (let round = 0; round < (full ? 11 : 5); round++) {
    const [cpus, times]: [Array<number>, Array<number>] = [[], []]
    for (const proxy of all) {
      cpus.push((await busy(proxy, full ? 500 : 200, 32)).cpu)
      times.push((await busy(proxy, full ? 200 : 100, 1)).took)
    }
    cpu.push(cpus)
    alone.push(times)
  }
  for (const { child } of [...all, { child: provider }]) child.disconnect()
  const rows = all.flatMap(({ name }, i): ReadonlyArray<Row> => [
    {
      what: `${name}: CPU of a request, 32 at once`,
      unit: "ns",
      value: median(cpu.map((round) => round[i]!)),
      comparisons: i < 2 ?
        [] :
        [0, 1].map((floor) =>
          compared(proxies[floor]![0], median(cpu.map((round) => round[i]! / round[floor]!)), 1 / 0.7)
        )
    },
    {
      what: `${name}: time of a request, one at once`,
      unit: "ns",
      value: median(alone.map((round) => round[i]!)),
      comparisons: i < 2 ? [] : [compared(proxies[1]![0], median(alone.map((round) => round[i]! / round[1]!)))]
    }
  ])
  return {
    title: "Gateway: a request through a proxy",
    notes: ["CPU of the proxy's process, user and system. A ratio of 1.43 is 0.7 of the floor's requests for a CPU."],
    rows
  }
}
