/** The gateway of a file, with its address for operators where the file has one. */
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Effect } from "effect"
import { measured } from "./measured.ts"

await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const config = yield* GatewayConfig.parse(process.argv[2]!, {})
  const { address, adminAddress } = yield* Gateway.make(config)
  measured({ port: address.port, adminPort: adminAddress?.port })
  return yield* Effect.never
})))
