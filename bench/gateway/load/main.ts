/** The clients, in a process of their own, so that what they take is not counted. */
import { closed } from "./closed.ts"
import { first } from "./first.ts"
import { open } from "./open.ts"
import type { Order, Told } from "./orders.ts"
import { streams } from "./streams.ts"

const done = (order: Order): Promise<Told> => {
  switch (order.kind) {
    case "closed":
      return closed(order)
    case "open":
      return open(order)
    case "streams":
      return streams(order)
    case "first":
      return first(order)
  }
}

process.on("message", async (order: Order) => process.send?.(await done(order)))
process.on("disconnect", () => process.exit())
process.send?.({ port: 0 })
