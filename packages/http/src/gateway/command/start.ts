/** `switchgear start`: serves until it is told to stop. */
import { randomBytes } from "node:crypto"
import { monotonicMillis } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import type * as Scope from "effect/Scope"
import { bySignal, CurrentActor } from "../admin/acts/note.ts"
import * as Gateway from "../Gateway.ts"
import type * as GatewayConfig from "../GatewayConfig.ts"
import { type FileUnreadable, parse, type Ports, readText } from "./file.ts"
import * as FileSystem from "effect/FileSystem"
import { greeting } from "./greeting.ts"
import { setMemoryFlags } from "./memory.ts"

type Failure = FileUnreadable | GatewayConfig.ConfigInvalid | Gateway.ListenFailed

export const start = (
  path: string | undefined,
  ports: Ports
): Effect.Effect<never, Failure, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function*() {
    setMemoryFlags()
    yield* outliveHangUps
    yield* outliveLog
    // Of this run only: nothing real can be controlled with it, so it may be shown.
    const token = randomBytes(32).toString("base64url")
    // Loaded only where there is no file: a gateway in production starts without it.
    const simulated = path === undefined ? yield* Effect.promise(() => import("./simulated.ts")) : undefined
    const source = Effect.flatMap(
      path === undefined ? Effect.succeed(simulated!.fileFor(token)) : readText(path),
      (text) => parse(text, ports)
    )
    const config = yield* source
    const files = yield* FileSystem.FileSystem
    const again = Effect.provideService(source, FileSystem.FileSystem, files)
    const gateway = yield* Gateway.make(config, {
      source: again,
      ...simulated !== undefined && { client: yield* simulated.client }
    })
    yield* Console.log(greeting(gateway, config, path, token))
    yield* endAtSecondSignal
    yield* reloadAtHangUp(gateway)
    return yield* Effect.never
  })

/**
 * The first signal stops the gateway politely, which may take as long as `drainTimeout`. One press of Ctrl-C comes several times
 * where npm is in between: from the terminal, and from each process that passes it on.
 */
const endAtSecondSignal = Effect.map(Clock.Clock, (clock) => {
  let first: number | undefined
  const heard = () => {
    const now = monotonicMillis(clock)
    first ??= now
    if (now - first > sameSignalFor) process.exit(130)
  }
  process.on("SIGINT", heard)
  process.on("SIGTERM", heard)
})

/** In milliseconds. Nobody presses a key twice in this time, and means it. */
const sameSignalFor = 250

/** Calls in flight are not cut off by a signal that comes while the gateway starts or stops, such as that of a terminal that closes. */
const outliveHangUps = Effect.sync(() => process.on("SIGHUP", () => {}))

/** Node ends a process that cannot write its log: its disk is full, or nobody reads it any more. Calls in flight are worth more. */
const outliveLog = Effect.sync(() => {
  for (const log of [process.stdout, process.stderr]) log.on("error", constVoid)
})

/** What is wrong with a file is in the log. */
const reloadAtHangUp = (gateway: Gateway.Gateway): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Effect.context<never>()
    const reread = Effect.provideService(gateway.reread, CurrentActor, bySignal("SIGHUP"))
    const taken = Effect.ignore(Effect.andThen(reread, Effect.logInfo("The file was taken over.")))
    const heard = () => void Effect.runForkWith(context)(taken)
    yield* Effect.acquireRelease(
      Effect.sync(() => process.on("SIGHUP", heard)),
      () => Effect.sync(() => process.off("SIGHUP", heard))
    )
  })
