/**
 * What the gateway costs and bears, beside bare proxies and Portkey, over a provider on loopback. Clients, provider and each
 * proxy are processes of their own. The proxies take turns, so that all have the same machine.
 */
import { alone } from "../gateway/alone.ts"
import { beginning } from "../gateway/beginning.ts"
import { clients as start } from "../gateway/clients.ts"
import { memory } from "../gateway/memory.ts"
import { overload } from "../gateway/overload.ts"
import { all, names, provider, renewed } from "../gateway/proxies.ts"
import { settled } from "../gateway/settled.ts"
import { shed } from "../gateway/shed.ts"
import { streams } from "../gateway/streams.ts"
import type { Absent, Proxy } from "../gateway/proxy.ts"
import type { Section } from "../section.ts"
import type { Settings } from "../settings.ts"

export const gateway = async (settings: Settings): Promise<ReadonlyArray<Section>> => {
  const upstream = await provider()
  const clients = await start()
  const subjects = await all(upstream, settings)
  let proxies = subjects.filter((subject): subject is Proxy => "child" in subject) as ReadonlyArray<Proxy>
  const absent = subjects.filter((subject): subject is Absent => "why" in subject)
  const beside = (section: Section): Section => ({
    ...section,
    rows: [...section.rows, ...absent.map(({ name, why }) => ({ what: name, missing: why, comparisons: [] as const }))]
  })
  const again = async () => proxies = await renewed(upstream, proxies)
  const lives = [async () => proxies, ...settings.mode === "full" ? [again, again] : []]
  const compared = [
    beside(await settled(settings, clients, lives)),
    beside(await alone(settings, clients, proxies)),
    beside(await streams(settings, clients, lives))
  ]
  // What follows is about gateways alone. Nothing else is alive beside them, and the clients have nothing to clean up after.
  clients.end()
  const ours = proxies.find(({ name }) => name === names.gateway)!
  for (const proxy of proxies) if (proxy !== ours && proxy.child !== upstream) proxy.child.end()
  const others = await start()
  const sections = [
    ...compared,
    await shed(settings, others, upstream),
    await overload(settings, others, upstream),
    await beginning(settings),
    await memory(settings, others, ours)
  ]
  others.end()
  ours.child.end()
  upstream.end()
  return sections
}
