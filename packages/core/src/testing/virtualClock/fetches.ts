/** Requests of `fetch` and of undici, which no asynchronous resource shows: they are seen by their diagnostics. */
import { diagnosticsChannels } from "./node.ts"
import { ofProgram } from "./owners.ts"
import type { PendingWork, Piece } from "./pendingWork.ts"
import { outside } from "./running.ts"

interface Running {
  readonly piece: Piece
  readonly works: ReadonlyArray<PendingWork>
}

/** Tells the programs of their requests. Returns how to stop. */
export const watchFetches = (): () => void => {
  const channels = diagnosticsChannels()
  const running = new WeakMap<object, Running>()
  const begin = ({ request }: About): void => {
    const works = ofProgram()
    if (works.length === 0) return
    const piece = outside("a request over the network")
    running.set(request, { piece, works })
    for (const work of works) work.begin(piece)
  }
  const end = ({ request }: About): void => {
    const one = running.get(request)
    running.delete(request)
    for (const work of one?.works ?? []) work.end(one!.piece)
  }
  const listeners = [["create", begin], ["trailers", end], ["error", end]] as const
  const each = (use: "subscribe" | "unsubscribe") => {
    for (const [name, listener] of listeners) channels?.[use](`undici:request:${name}`, listener as Listener)
  }
  each("subscribe")
  return () => each("unsubscribe")
}

interface About {
  readonly request: object
}

type Listener = (message: unknown) => void
