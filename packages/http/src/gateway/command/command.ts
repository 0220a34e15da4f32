/** What the command `switchgear` does. It runs when it is loaded. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { Argument, Command, Flag } from "effect/cli"
import { readFileSync } from "node:fs"
import { check } from "./check.ts"
import * as GatewayConfig from "../GatewayConfig.ts"
import type { Rehearsal } from "./rehearse.ts"
import { start } from "./start.ts"

const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as {
  readonly version: string
}

const port = (name: string, what: string) =>
  Flag.Int(name).pipe(
    Flag.filter(
      (port) => port >= 0 && port <= 65_535,
      (port) => `Expected a whole number from 0 to 65535, got ${port}`
    ),
    Flag.withDescription(`${what}; 0 for any free one`),
    Flag.optional
  )

const starting = Command.make("start", {
  config: Flag.String("config").pipe(
    Flag.withDescription("The file of the gateway. Without it, it serves simulated models"),
    Flag.optional
  ),
  port: port("port", "The port for clients, in place of that of the file"),
  adminPort: port("admin-port", "The port for operators, in place of that of the file")
}, ({ adminPort, config, port }) =>
  Effect.scoped(
    start(Option.getOrUndefined(config), {
      port: Option.getOrUndefined(port),
      adminPort: Option.getOrUndefined(adminPort)
    })
  )).pipe(Command.withDescription("Serve until told to stop"))

/** The exit code is 1 where the answer is no. */
const failedUnless = <E, R>(isGood: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.map(isGood, (isGood) => {
    if (!isGood) process.exitCode = 1
  })

const schema = Command.make(
  "schema",
  {},
  () => Console.log(JSON.stringify(GatewayConfig.jsonSchema, null, 2))
).pipe(Command.withDescription("Print the JSON schema of the file, by which editors complete and check it"))

const checking = Command.make("check", {
  file: Argument.String("file").pipe(Argument.withDescription("The file of the gateway"))
}, ({ file }) => failedUnless(check(file))).pipe(
  Command.withDescription("Say whether a file is right, and everything that is wrong with it")
)

/** Loaded when it is asked for: a gateway that serves has no use for the nights, and would start a tenth later. */
const rehearse = (rehearsal: Rehearsal) =>
  Effect.flatMap(Effect.promise(() => import("./rehearse.ts")), ({ rehearse }) => rehearse(rehearsal))

const rehearsing = Command.make("rehearse", {
  file: Argument.String("file").pipe(Argument.withDescription("The file of the gateway")),
  promise: Flag.String("promise").pipe(
    Flag.withDescription(
      "A promise, such as errors<=1%, answered>=99%, p95<=10s, cost<=5, calls-while-down<=10%; may be repeated"
    ),
    Flag.atLeast(0)
  ),
  night: Flag.String("night").pipe(Flag.withDescription("Only this night; may be repeated"), Flag.atLeast(0)),
  model: Flag.String("model").pipe(
    Flag.withDescription("The cascade or model that customers ask. Without it, the first of the file"),
    Flag.optional
  ),
  ask: Flag.String("ask").pipe(
    Flag.withDescription(
      "How customers ask: chat, chat-stream, messages, messages-stream, responses, responses-stream or embeddings; may be repeated. Without it, all that the file speaks but embeddings"
    ),
    Flag.atLeast(0)
  ),
  seed: Flag.String("seed").pipe(
    Flag.withDescription("Other nights of the same kind. Without it, 1"),
    Flag.withDefault("1")
  ),
  out: Flag.String("out").pipe(
    Flag.withDescription("The folder for report.html and report.json. Without it, rehearsal"),
    Flag.withDefault("rehearsal")
  )
}, ({ ask, file, model, night, out, promise, seed }) =>
  failedUnless(
    rehearse({
      path: file,
      target: Option.getOrUndefined(model),
      promises: promise,
      nights: night,
      kinds: ask,
      seed,
      out
    })
  )).pipe(
    Command.withDescription("Play bad nights in virtual time against a file, and say which promises it keeps")
  )

const switchgear = Command.make("switchgear").pipe(
  Command.withDescription("A gateway for models behind OpenAI's API that survives overload"),
  Command.withSubcommands([starting, checking, rehearsing, schema])
)

/** What went wrong is for an operator to read: the message, without a stack. What is wrong with the words of the command was told. */
const told = Effect.catch((error: { readonly _tag: string; readonly message: string }) =>
  Effect.andThen(
    error._tag === "ShowHelp" ? Effect.void : Console.error(error.message),
    Effect.sync(() => {
      process.exitCode = 1
    })
  )
)

/** A fault of this program is told as well: who is woken up has nothing else to go by. */
const toldOfFaults = Effect.tapDefect((defect) =>
  Console.error(`switchgear has a fault and ends. Please report this:\n${Cause.pretty(Cause.die(defect))}`)
)

NodeRuntime.runMain(
  Command.run(switchgear, { version }).pipe(told, toldOfFaults, Effect.provide(NodeServices.layer)),
  {
    disableErrorReporting: true,
    // To be stopped is no failure.
    teardown: (exit, end) =>
      end(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? Number(process.exitCode ?? 0) : 1)
  }
)
