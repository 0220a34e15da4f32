/** Whether the memory of the gateway stays what it is, however many requests it answers. */
import { compared, type Section } from "../section.ts"
import type { Settings } from "../settings.ts"
import type { Clients } from "./clients.ts"
import type { Proxy } from "./proxy.ts"

/** How much more there may be at the end than in the second quarter: what garbage leaves to chance. */
const flat = 1.1

/** With fewer requests the memory that garbage takes has not found its size, and there is nothing to judge. */
const enough = 1_000_000

const megabytes = (bytes: number) => bytes / 1e6

export const memory = async ({ requests }: Settings, clients: Clients, proxy: Proxy): Promise<Section> => {
  const resident: Array<readonly [asked: number, bytes: number]> = []
  const { memory: before } = await proxy.child.ask("usage")
  let asked = 0
  while (asked < requests) {
    const told = await clients.ask(proxy, { kind: "closed", connections: 32, millis: 1000, status: 200, prompts: 1e8 })
    asked += told.asked
    resident.push([asked, (await proxy.child.ask("usage")).memory])
  }
  const least = (from: number, to: number) =>
    Math.min(...resident.filter(([at]) => at >= from * requests && at <= to * asked).map(([, bytes]) => bytes))
  const [second, last] = [least(0.25, 0.5), least(0.75, 1)]
  const count = asked.toLocaleString("en-US")
  return {
    title: `Gateway: resident memory over ${count} requests, each of another prompt`,
    notes: [
      "The least that was resident in each part: garbage comes and goes on top of it. `--requests 1000000` asks as often as that."
    ],
    rows: [
      { what: "before the first of them", unit: "MB", value: megabytes(before), comparisons: [] },
      { what: "in the second quarter", unit: "MB", value: megabytes(second), comparisons: [] },
      {
        what: "in the last quarter",
        unit: "MB",
        value: megabytes(last),
        comparisons: [compared("the second quarter", last / second, requests >= enough ? flat : undefined)]
      }
    ]
  }
}
