/** Bytes on a socket, whatever they are. */
import { connect } from "node:net"
import { Effect } from "effect"

/** The beginning of what comes back; nothing where the server closes without a word. */
export const send = (url: string, bytes: string): Effect.Effect<string> =>
  Effect.callback<string>((resume) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(bytes))
    const end = (text: string) => {
      socket.destroy()
      resume(Effect.succeed(text))
    }
    socket.on("data", (data) => end(data.toString("latin1")))
    socket.on("error", () => end(""))
    socket.on("close", () => end(""))
    return Effect.sync(() => socket.destroy())
  })
