/** The client of one Redis. */
import { clientOf, destroyed, type OpenClient, ping } from "./client.ts"
import type { Settings } from "./settings.ts"

export const singleClient = (settings: Settings): OpenClient => {
  const place = settings.places[0]!
  const client = clientOf(place, settings)
  return {
    connect: () => client.connect(),
    send: (command, args) => client.sendCommand([command, ...args]),
    ping: () => ping(client),
    onLost: (lost) => void client.on("error", lost),
    destroy: () => destroyed(client),
    place: () => place
  }
}
