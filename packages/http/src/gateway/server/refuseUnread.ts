/** What is refused before its body was read. */
import type { Exchange } from "./exchange.ts"
import type { Reply } from "./refusals.ts"

/**
 * Refuses without having read the body. A small one that is on its way is let pass, so that the connection can be used again:
 * a new one costs both sides more. Otherwise the connection is closed, and what is left of the body is not waited for.
 */
export const refuseUnread = (exchange: Exchange, reply: Reply): void => {
  const { request } = exchange
  const { "content-length": length, "transfer-encoding": encoding } = request.headers
  const isShort = request.complete || (encoding === undefined && Number(length ?? 0) <= shortBody)
  exchange.reply(isShort ? reply : { ...reply, headers: { ...reply.headers, connection: "close" } })
  if (!request.complete) request.resume()
}

const shortBody = 256 * 1024
