/** Who is told of the calls to providers. */
import type { Asked as AskedClient } from "../../chatModel/guarded.ts"

/** What calls of a client ask for, and where. */
export interface Watched {
  readonly operation: "chat" | "count_tokens" | "embeddings"
  readonly address: { readonly host: string; readonly port: number }
}

/** Gives the client back, or one that tells of its calls. */
export type Watch = <Client extends AskedClient>(client: Client, of: Watched) => Client

/** Nobody is told. */
export const unwatched: Watch = (client) => client

export const addressOf = (baseUrl: string): Watched["address"] => {
  const { hostname, port, protocol } = new URL(baseUrl)
  return { host: hostname, port: port === "" ? protocol === "https:" ? 443 : 80 : Number(port) }
}
