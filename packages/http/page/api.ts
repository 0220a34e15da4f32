/** Asks the gateway that served the page, with the token in a header and nowhere else. */
import type { Command, Events, Samples } from "./readings.ts"

/** The gateway said no. */
export class Refused extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const ask = async (path: string, token: string, init: RequestInit = {}): Promise<Response> => {
  const response = await fetch(path, {
    ...init,
    headers: { ...init.headers, authorization: `Bearer ${token}` },
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    referrerPolicy: "no-referrer"
  })
  if (response.ok) return response
  throw new Refused(response.status, saidIn(await response.text()) ?? response.statusText)
}

/** The words of an error, in whichever of the two shapes of the gateway. */
const saidIn = (text: string): string | undefined => {
  try {
    const { detail, error, message, title } = JSON.parse(text)
    return [error?.message, message, detail, title].find((words) => typeof words === "string")
  } catch {
    return undefined
  }
}

export const samples = async (token: string, signal: AbortSignal): Promise<Samples> =>
  (await ask("/admin/samples", token, { signal })).json()

export const eventsSince = async (token: string, id: number, signal: AbortSignal): Promise<Events> =>
  (await ask(`/admin/events?since=${id}`, token, { signal })).json()

export const stream = async (token: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> =>
  (await ask("/admin/stream", token, { signal })).body!

export const command = async (token: string, id: string, command: Command, reason: string): Promise<void> => {
  await ask(`/admin/circuits/${encodeURIComponent(id)}`, token, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ command, reason })
  })
}
