/** Portkey's gateway, installed by npm into a temporary folder for this run. */
import { execFile } from "node:child_process"
import { rmSync } from "node:fs"
import { copyFile, mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { started } from "../child.ts"
import type { Absent, Proxy } from "../proxy.ts"

const run = promisify(execFile)
const beside = (file: string) => new URL(file, import.meta.url)

const installed = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "switchgear-bench-portkey-"))
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
  await copyFile(beside("package.json"), join(folder, "package.json"))
  // None of its packages needs to run a script, so none may.
  const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
  await run("npm", args, { cwd: folder, timeout: 120_000, shell: process.platform === "win32" })
  return folder
}

export const portkey = async (name: string, upstream: string): Promise<Proxy | Absent> => {
  let folder: string
  try {
    folder = await installed()
  } catch (error) {
    return { name, why: `not installed: ${firstLineOf(error)}` }
  }
  const child = await started(
    name,
    join(folder, "node_modules/@portkey-ai/gateway/build/start-server.js"),
    ["--headless"],
    // It writes a spinner and a warning for each request.
    {
      execArgv: ["--import", beside("preload.ts").href],
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      env: { ...process.env, NODE_ENV: "production" }
    }
  )
  return {
    name,
    child,
    model: "gpt-4.1",
    target: {
      path: "/v1/chat/completions",
      headers: {
        authorization: "Bearer sk-0123456789abcdefghij",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": upstream
      }
    }
  }
}

const firstLineOf = (error: unknown): string =>
  (String((error as { readonly stderr?: unknown }).stderr ?? "") || String(error)).trim().split("\n")[0]!
