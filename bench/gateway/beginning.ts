/** How long the command takes from its start until it is ready. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { compared, type Section } from "../section.ts"
import type { Settings } from "../settings.ts"
import { median } from "../stats.ts"
import { gatewayFile, here } from "./proxies.ts"

const command = fileURLToPath(here("../../packages/http/src/gateway/main.ts"))

/** Milliseconds from the start of a process until its gateway says that it is ready. */
const startOnce = async (file: string): Promise<number> => {
  const began = performance.now()
  const child = spawn(process.execPath, [command, "start", "--config", file], { stdio: ["ignore", "pipe", "inherit"] })
  const url = await clientsUrlOf(child)
  const { status } = await fetch(`${url}/health/ready`)
  const took = performance.now() - began
  if (status !== 200) throw new Error(`The gateway is not ready: ${status}`)
  child.kill("SIGTERM")
  await once(child, "exit")
  return took
}

const clientsUrlOf = async ({ stdout }: ChildProcess): Promise<string> => {
  let said = ""
  for await (const piece of stdout!) {
    const found = /Clients: +(http:\S+)\/v1/.exec(said += piece)
    if (found !== null) return found[1]!
  }
  throw new Error(`The gateway ended before it had an address: ${said}`)
}

export const beginning = async ({ mode }: Settings): Promise<Section> => {
  const folder = await mkdtemp(join(tmpdir(), "switchgear-bench-start-"))
  const file = join(folder, "gateway.yaml")
  await writeFile(file, gatewayFile("http://127.0.0.1:9/v1"))
  const times: Array<number> = []
  for (let i = 0; i < (mode === "full" ? 7 : 2); i++) times.push(await startOnce(file))
  await rm(folder, { recursive: true })
  const value = median(times)
  return {
    title: "Gateway: from the start of the command until it is ready",
    notes: ["From its sources, as `npm run gateway` starts it; Node strips the types meanwhile."],
    rows: [{ what: "switchgear start", unit: "ms", value, comparisons: [compared("1 s", value / 1000, 1)] }]
  }
}
