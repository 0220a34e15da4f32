/** Many streams at once: whether every event comes, and what a stream takes. */
import { compared, comparedAtLeast, type Row, type Section } from "../section.ts"
import type { Settings } from "../settings.ts"
import { median } from "../stats.ts"
import type { Clients, Measured } from "./clients.ts"
import { names } from "./proxies.ts"
import type { Proxy } from "./proxy.ts"
import { events, interval } from "./streamed.ts"

export const streams = async (
  { mode }: Settings,
  clients: Clients,
  proxies: ReadonlyArray<Proxy>
): Promise<Section> => {
  const full = mode === "full"
  const atOnce = full ? 512 : 64
  const wave = (proxy: Proxy) => clients.ask(proxy, { kind: "streams", atOnce })
  for (const proxy of proxies) for (let i = 0; i < (full ? 3 : 1); i++) await wave(proxy)
  const rounds: Array<ReadonlyMap<string, Measured>> = []
  for (let round = 0; round < (full ? 5 : 1); round++) {
    const waves = new Map<string, Measured>()
    for (const proxy of proxies) waves.set(proxy.name, await wave(proxy))
    rounds.push(waves)
  }
  const all = (name: string, of: (measured: Measured) => number) => rounds.map((waves) => of(waves.get(name)!))
  const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((total, number) => total + number, 0)
  const sent = events * atOnce * rounds.length
  const rows = proxies.flatMap(({ name }): ReadonlyArray<Row> => {
    const isOurs = name === names.gateway
    const came = sum(all(name, (measured) => measured.events))
    return [
      {
        what: `${name}: events of ${sent.toLocaleString("en-US")}`,
        unit: "count",
        value: came,
        comparisons: isOurs
          ? [
            comparedAtLeast(
              "all, in their places",
              sum(all(name, (measured) => measured.wholeStreams)) / atOnce / rounds.length,
              1
            )
          ]
          : []
      },
      ...name === names.provider ? [] : [{
        what: `${name}: CPU of a stream`,
        unit: "ns" as const,
        value: median(all(name, ({ cpu }) => cpu / atOnce)),
        comparisons: isOurs
          ? [[names.undici, 1.2], [names.http, undefined], [names.portkey, undefined]].flatMap(([peer, atMost]) =>
            proxies.some((proxy) => proxy.name === peer)
              ? [
                compared(
                  peer as string,
                  median(rounds.map((waves) => waves.get(name)!.cpu / waves.get(peer as string)!.cpu)),
                  atMost as number | undefined
                )
              ]
              : []
          )
          : []
      }],
      {
        what: `${name}: a wave of ${atOnce}, beside ${events * interval / 1000} s of pauses`,
        unit: "ms",
        value: median(all(name, ({ millis }) => millis)),
        comparisons: []
      }
    ]
  })
  return {
    title: `Gateway: ${atOnce} streams at once, ${events} events each, one every ${interval} ms`,
    notes: ["Each event is numbered, and looked for in its place."],
    rows
  }
}
