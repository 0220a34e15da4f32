/** The way into a gateway in the process: a `fetch` that ends at its routes. */
import type { Fetch } from "../../fetch/options.ts"
import type { Front } from "../server/front.ts"
import { requestId } from "../server/requestId.ts"
import { ProcessExchange } from "./exchange.ts"
import { ProcessIncoming } from "./incoming.ts"

type Input = Parameters<Fetch>[0]
type Init = Parameters<Fetch>[1]

export class Door {
  private readonly front: Front
  private readonly open = new Set<ProcessExchange>()

  constructor(front: Front) {
    this.front = front
  }

  readonly fetch: Fetch = async (input, init) => {
    const request = requestOf(input, init)
    // What a server has made may have none.
    const signal: AbortSignal | null | undefined = request.signal
    signal?.throwIfAborted()
    if (request.bodyUsed) throw new TypeError("The body of the request was read before")
    return new Promise<Response>((respond, fail) => {
      const leave = () => exchange.fail(signal!.reason)
      const incoming = new ProcessIncoming(request, (cause) => exchange.fail(new TypeError("fetch failed", { cause })))
      const exchange = new ProcessExchange(incoming, requestId(), this.front.now, { respond, fail })
      this.open.add(exchange)
      signal?.addEventListener("abort", leave)
      exchange.whenOver(() => {
        this.open.delete(exchange)
        signal?.removeEventListener("abort", leave)
      })
      this.front.begin(exchange)
    })
  }

  /** Ends what has not ended. */
  end(): void {
    for (const exchange of this.open) exchange.cut()
  }
}

/** One that is there is taken as it is: a server may have made it by a class of its own. */
const requestOf = (input: Input, init: Init): Request =>
  (init === undefined || init === null) && isRequest(input) ? input : new Request(input, init)

const isRequest = (input: Input): input is Request =>
  typeof input === "object" && input !== null && !(input instanceof URL) && typeof input.url === "string"
