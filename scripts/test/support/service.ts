// The service of docs/http-service.md, as the page has it, and loopback providers for it to ask.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { fences } from "../../docs.ts"

const file = "docs/http-service.md"
const text = readFileSync(join(import.meta.dirname, "..", "..", "..", file), "utf8")

/** The two files that a reader copies from the page. */
export const page = {
  server: `${fences(file, text).find(({ code }) => code.includes("HttpRouter.serve"))!.code}\n`,
  configuration: /^```yaml\n(.*?)^```$/ms.exec(text)![1]!
}

/** A provider on a free port of this machine: it counts what it is asked, and keeps the keys. */
export interface Provider extends AsyncDisposable {
  readonly url: string
  readonly keys: Array<string | undefined>
  answer: (response: ServerResponse) => void
}

const completion = (text: string) => ({
  choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }]
})

export const responds = (status: number, body: unknown) => (response: ServerResponse): void => {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
}

export const says = (text: string) => responds(200, completion(text))

export const provider = async (answer: Provider["answer"]): Promise<Provider> => {
  const server = createServer((request: IncomingMessage, response) => {
    request.resume().on("end", () => {
      made.keys.push(request.headers.authorization)
      made.answer(response)
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const made: Provider = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keys: [],
    answer,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    }
  }
  return made
}

export interface Service extends AsyncDisposable {
  /** All that it has printed. */
  readonly log: () => string
  readonly ask: () => Promise<{ readonly status: number; readonly degradation: string | null; readonly text: string }>
  readonly get: (path: string) => Promise<{ readonly status: number; readonly body: string }>
  readonly stop: () => void
  readonly exited: Promise<number | null>
}

/** Runs a program until it listens, or has ended. */
export const service = async (
  cwd: string,
  program: string,
  env: Readonly<Record<string, string>>
): Promise<Service> => {
  const child = spawn(process.execPath, [program], {
    cwd,
    env: { NO_COLOR: "1", PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let log = ""
  const exited = once(child, "close").then(([code]) => code as number | null)
  const listens = new Promise<void>((resolve) => {
    const read = (chunk: Buffer) => {
      log += chunk.toString()
      if (/Listening on .*:\d+\n/.test(log)) resolve()
    }
    child.stdout.on("data", read)
    child.stderr.on("data", read)
  })
  await Promise.race([listens, exited])
  // Connections that are kept would keep the service when it is told to stop.
  const request = (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${/Listening on .*:(\d+)\n/.exec(log)?.[1]}${path}`, {
      ...init,
      headers: { "content-type": "application/json", connection: "close" }
    })
  return {
    log: () => log,
    ask: async () => {
      const response = await request("/v1/chat/completions", {
        method: "POST",
        body: JSON.stringify({ model: "any", messages: [{ role: "user", content: "Hello" }] })
      })
      const body = await response.json() as ReturnType<typeof completion>
      return {
        status: response.status,
        degradation: response.headers.get("x-degradation"),
        text: body.choices[0]!.message.content
      }
    },
    get: async (path) => {
      const response = await request(path)
      return { status: response.status, body: await response.text() }
    },
    stop: () => void child.kill("SIGTERM"),
    exited,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL")
      await exited
    }
  }
}
