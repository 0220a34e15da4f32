/** What is measured: the provider itself, the two floors, Portkey where it can be installed, and the gateway. */
import { type Child, started } from "./child.ts"
import { portkey } from "./portkey/start.ts"
import type { Absent, Proxy } from "./proxy.ts"
import type { Settings } from "../settings.ts"

export const path = "/v1/chat/completions"
const token = "sk-shop-0123456789"
export const authorized = { authorization: `Bearer ${token}` }

export const here = (file: string): URL => new URL(file, import.meta.url)

export const provider = (): Promise<Child> => started("the provider", here("provider.ts"))

export const urlOf = ({ ports: { port } }: Child): string => `http://127.0.0.1:${port}/v1`

/** The names by which the others are compared. */
export const names = {
  provider: "the provider itself",
  http: "bare proxy, node:http",
  undici: "bare proxy, undici",
  portkey: "Portkey 1.15.2",
  gateway: "gateway: a cascade, limits, circuit, costs, cache"
} as const

/** A gateway of a file. */
export const gateway = async (file: string, name: string = names.gateway): Promise<Proxy> => ({
  name,
  model: "assistant",
  child: await started(name, here("switchgear.ts"), [file]),
  target: { path, headers: authorized }
})

/** Who may call in every file, as often as they like, with a budget that is looked after. */
export const client = `
clients:
  - name: shop
    token: ${token}
    limits: [{ resource: requests, limit: 1000000000, per: 1 minute }]
    budget: { dollars: 1000000, window: month }
`

/** The file of the gateway that is compared with the others. */
export const gatewayFile = (upstream: string): string => `
listen: { port: 0, maxRequests: 100000 }
providers: { p: { baseUrl: ${upstream}, apiKey: sk-0123456789abcdefghij } }
models:
  gpt-4.1:
    provider: p
    bulkhead: { concurrency: 1000 }
    rateLimiter: { limits: [{ resource: requests, limit: 1000000000, per: 1 minute }, { resource: tokens, limit: 1000000000000, per: 1 minute }] }
cascades: { assistant: { steps: [gpt-4.1] } }
prices: { gpt-4.1: { input: 2, output: 8 } }
${client}`

const bare = async (upstream: Child, name: string, file: string): Promise<Proxy> => ({
  name,
  model: "gpt-4.1",
  child: await started(name, here(file), [`${urlOf(upstream)}/chat/completions`]),
  target: { path, headers: authorized }
})

/** How each of those begins that are compared most closely. */
const starts: ReadonlyMap<string, (upstream: Child) => Promise<Proxy>> = new Map([
  [names.http, (upstream) => bare(upstream, names.http, "http.ts")],
  [names.undici, (upstream) => bare(upstream, names.undici, "undici.ts")],
  [names.gateway, (upstream) => gateway(gatewayFile(urlOf(upstream)))]
])

/** The same in processes that have just begun. */
export const renewed = async (upstream: Child, proxies: ReadonlyArray<Proxy>): Promise<ReadonlyArray<Proxy>> => {
  const others: Array<Proxy> = []
  for (const proxy of proxies) {
    const start = starts.get(proxy.name)
    if (start !== undefined) proxy.child.end()
    others.push(start === undefined ? proxy : await start(upstream))
  }
  return others
}

/** All of them over one provider. */
export const all = async (upstream: Child, { mode }: Settings): Promise<ReadonlyArray<Proxy | Absent>> => [
  { name: names.provider, model: "gpt-4.1", child: upstream, target: { path, headers: {} } },
  await starts.get(names.http)!(upstream),
  await starts.get(names.undici)!(upstream),
  mode === "full"
    ? await portkey(names.portkey, urlOf(upstream))
    : { name: names.portkey, why: "left out of a quick run" },
  await starts.get(names.gateway)!(upstream)
]
