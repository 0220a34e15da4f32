/** The gateway of a file, with its address for operators where the file has one, in a process that is set up as the command does. */
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Effect } from "effect"
import { setFlagsFromString } from "node:v8"
import { measured } from "./measured.ts"

// As `switchgear start` does.
setFlagsFromString("--no-allocation-site-pretenuring")
setFlagsFromString("--no-parallel-scavenge")

await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const config = yield* GatewayConfig.parse(process.argv[2]!, {})
  const { address, adminAddress } = yield* Gateway.make(config)
  measured({ port: address.port, adminPort: adminAddress?.port })
  return yield* Effect.never
})))
