/** A call to the model over a socket, on connections that are kept. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { Agent, request } from "node:http"
import { patience } from "../scenario.ts"

/** The provider failed, or could not be reached. */
export class CallFailed extends Data.TaggedError("CallFailed")<{ readonly status: number | undefined }> {}

const agent = new Agent({ keepAlive: true })

export const ask = (port: number, path: string): Effect.Effect<void, CallFailed> =>
  Effect.callback<void, CallFailed>((resume) => {
    const fail = (status?: number) => resume(Effect.fail(new CallFailed({ status })))
    const call = request({ agent, host: "127.0.0.1", port, path, timeout: patience }, (response) => {
      response.resume().once("end", () => response.statusCode === 200 ? resume(Effect.void) : fail(response.statusCode))
      response.once("error", () => fail())
    })
    call.once("timeout", () => call.destroy())
    call.once("error", () => fail())
    call.end()
    return Effect.sync(() => call.destroy())
  })
