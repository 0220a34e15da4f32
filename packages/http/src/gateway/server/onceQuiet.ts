/** The end of an answer to a client that is still sending: a connection that is closed before would tell it nothing of the answer. */
import type { IncomingMessage, ServerResponse } from "node:http"

/** Half of the time between two pieces of a body that nobody wants, in milliseconds. */
const longestGap = 250

/** Runs `end` once, when the request is whole or gone, or nothing more of it comes for a while. */
export const onceQuiet = (request: IncomingMessage, response: ServerResponse, end: () => void): void => {
  let read = -1
  const look = () => {
    // Looked at twice: what came while this process was busy is read only after the first time.
    if (request.socket.bytesRead === read) finish()
    read = request.socket.bytesRead
    // Node closes a connection that nobody listens to any more.
    response.setTimeout(longestGap)
  }
  const finish = () => {
    response.removeListener("timeout", look)
    request.removeListener("close", finish)
    end()
  }
  response.on("timeout", look)
  response.setTimeout(longestGap)
  request.once("close", finish)
}
