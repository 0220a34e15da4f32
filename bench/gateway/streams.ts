/** Many streams at once: whether every event comes, and what a stream takes. */
import { compared, comparedAtLeast, type Comparison, type Row, type Section } from "../section.ts"
import type { Settings } from "../settings.ts"
import { median } from "../stats.ts"
import type { Clients, Measured } from "./clients.ts"
import { names } from "./proxies.ts"
import type { Proxy } from "./proxy.ts"
import { events, interval } from "./streamed.ts"

/** In the first ones, V8 still compiles what is run for each event of a long stream and at its end. */
const settlingWaves = 6

/** A stream of one event. */
const brief = { stream: true, max_tokens: 1 }

export const streams = async (
  { mode }: Settings,
  clients: Clients,
  lives: ReadonlyArray<() => Promise<ReadonlyArray<Proxy>>>
): Promise<Section> => {
  const full = mode === "full"
  const atOnce = full ? 512 : 64
  const wave = (proxy: Proxy) => clients.ask(proxy, { kind: "streams", atOnce })
  // What is run for each stream is compiled for good only after some ten thousand of them: about as many as of whole answers.
  const settle = (proxy: Proxy, millis: number) =>
    clients.ask(proxy, { kind: "closed", connections: 32, millis, status: 200, more: brief })
  const rounds: Array<ReadonlyMap<string, Measured>> = []
  let proxies: ReadonlyArray<Proxy> = []
  for (const begin of lives) {
    proxies = await begin()
    for (const proxy of proxies) {
      await settle(proxy, full ? 15_000 : 300)
      for (let i = 0; i < (full ? settlingWaves : 0); i++) await wave(proxy)
    }
    for (let round = 0; round < (full ? 2 : 1); round++) {
      const waves = new Map<string, Measured>()
      for (const proxy of round % 2 === 0 ? proxies : proxies.toReversed()) {
        await wave(proxy)
        waves.set(proxy.name, await wave(proxy))
      }
      rounds.push(waves)
    }
  }
  const all = (name: string, of: (measured: Measured) => number) => rounds.map((waves) => of(waves.get(name)!))
  const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((total, number) => total + number, 0)
  const sent = events * atOnce * rounds.length
  const against = (name: string, peer: string, atMost?: number): ReadonlyArray<Comparison> =>
    proxies.some((proxy) => proxy.name === peer)
      ? [compared(peer, median(rounds.map((waves) => waves.get(name)!.cpu / waves.get(peer)!.cpu)), atMost)]
      : []
  const rows = proxies.flatMap(({ name }): ReadonlyArray<Row> => {
    const isOurs = name === names.gateway
    const whole = sum(all(name, ({ wholeStreams }) => wholeStreams)) / atOnce / rounds.length
    return [
      {
        what: `${name}: events of ${sent.toLocaleString("en-US")}`,
        unit: "count",
        value: sum(all(name, ({ events }) => events)),
        comparisons: isOurs ? [comparedAtLeast("all, in their places", whole, 1)] : []
      },
      {
        what: `${name}: CPU of a stream`,
        unit: "ns",
        value: median(all(name, ({ cpu }) => cpu / atOnce)),
        comparisons: isOurs
          ? [...against(name, names.undici, 1.2), ...against(name, names.http), ...against(name, names.portkey)]
          : []
      },
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
    notes: [
      "Each event is numbered, and looked for in its place.",
      `Each process has first passed on streams of one event for fifteen seconds, at full blast, and ${settlingWaves} waves.`,
      "undici keeps its connections for as long as the gateway does, 30 seconds: a new one for each stream would hide what both take for it.",
      "A process takes more for the first wave after that of another one, and how much more is as that other one was: each wave that counts follows one that does not, and turns go both ways.",
      "Bare proxies and gateway are begun anew after every two waves that count."
    ],
    rows
  }
}
