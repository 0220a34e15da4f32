/** What is refused before its body was read. */
import type { Exchange } from "./exchange.ts"
import type { Reply } from "./refusals.ts"

/**
 * Refuses without having read the body. A small one that is on its way is let pass, so that the connection can be used again:
 * a new one costs both sides more. Otherwise the connection is closed once the client sends nothing any more. One that is still
 * sending would be told that its connection is lost, and nothing of the answer.
 */
export const refuseUnread = (exchange: Exchange, reply: Reply): void => {
  const { request } = exchange
  const { "content-length": length, expect, "transfer-encoding": encoding } = request.headers
  const isShort = request.complete || (encoding === undefined && Number(length ?? 0) <= shortBody)
  if (isShort) exchange.reply(reply)
  else {
    const last = { ...reply, headers: { ...reply.headers, connection: "close" } }
    if (expect === undefined) exchange.replyAmidBody(last)
    else exchange.reply(last)
  }
  if (!request.complete) request.resume()
}

const shortBody = 256 * 1024
