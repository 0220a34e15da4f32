/** Whole answers at 32 connections that ask again at once: requests per second, and CPU of a request. */
import { compared, comparedAtLeast, type Row, type Section } from "../section.ts"
import type { Settings } from "../settings.ts"
import { median } from "../stats.ts"
import { type Clients, countOf } from "./clients.ts"
import { names } from "./proxies.ts"
import type { Proxy } from "./proxy.ts"

interface Turn {
  readonly perSecond: number
  readonly cpu: number
  /** The part of a core that the process took. */
  readonly share: number
}

const floors = [names.http, names.undici]

export const settled = async (
  { mode }: Settings,
  clients: Clients,
  lives: ReadonlyArray<() => Promise<ReadonlyArray<Proxy>>>
): Promise<Section> => {
  const full = mode === "full"
  const turn = async (proxy: Proxy, millis: number): Promise<Turn> => {
    const { cpu, millis: took, times } = await clients.ask(proxy, {
      kind: "closed",
      connections: 32,
      millis,
      status: 200
    })
    const answers = countOf(times, 200)
    return { perSecond: 1000 * answers / took, cpu: cpu / answers, share: cpu / 1e6 / took }
  }
  const rounds: Array<ReadonlyMap<string, Turn>> = []
  let proxies: ReadonlyArray<Proxy> = []
  for (const begin of lives) {
    proxies = await begin()
    for (const proxy of proxies) await turn(proxy, full ? 5000 : 500)
    for (let round = 0; round < 3; round++) {
      const turns = new Map<string, Turn>()
      for (const proxy of proxies) turns.set(proxy.name, await turn(proxy, full ? 1000 : 300))
      rounds.push(turns)
    }
  }
  const ratios = (of: keyof Turn, name: string, peer: string) =>
    rounds.map((turns) => turns.get(name)![of] / turns.get(peer)![of])
  const peers = [...floors, names.portkey].filter((peer) => proxies.some(({ name }) => name === peer))
  const ours = names.gateway
  const isFloor = (peer: string) => peer !== names.portkey
  const perSecond = peers.flatMap((peer) => [
    comparedAtLeast(peer, median(ratios("perSecond", ours, peer)), isFloor(peer) ? 0.7 : 4),
    ...isFloor(peer) ? [comparedAtLeast(`${peer}, worst turn`, Math.min(...ratios("perSecond", ours, peer)), 0.55)] : []
  ])
  const cpu = peers.map((peer) => compared(peer, median(ratios("cpu", ours, peer)), isFloor(peer) ? 1 / 0.7 : 1 / 4))
  const rows = proxies.flatMap(({ name }): ReadonlyArray<Row> => [
    {
      what: name,
      unit: "per second",
      value: median(rounds.map((turns) => turns.get(name)!.perSecond)),
      comparisons: name === ours ? perSecond : []
    },
    {
      what: `${name}: CPU of a request`,
      unit: "ns",
      value: median(rounds.map((turns) => turns.get(name)!.cpu)),
      comparisons: name === ours ? cpu : []
    }
  ])
  const shares = proxies.map(({ name }) =>
    `${name} ${Math.round(100 * median(rounds.map((turns) => turns.get(name)!.share)))} %`
  )
  return {
    title: "Gateway: whole answers at 32 connections",
    notes: [
      "Bare proxies and gateway are begun anew after every three turns: one process may be a tenth faster than the next of the same program.",
      "CPU of the proxy's process, user and system. A ratio of 1.43 is 0.7 of the floor's requests for a CPU.",
      `Of a core it took: ${
        shares.join(", ")
      }. Where that is far below 100 %, clients, provider or others on this machine are what limits the requests per second.`
    ],
    rows
  }
}
