/**
 * The incident, replayed on real sockets: `npm run demo`, or `npm run demo -- --json` for the numbers alone.
 *
 * A provider collapses under fifteen times the load. The same customers come to two lanes: a client with a plain
 * time-out, as on the night of the incident, and one behind switchgear. No key is needed; nothing leaves this machine.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, Stdio, Terminal } from "effect"
import { Command, Flag } from "effect/cli"
import * as Lines from "./lines.ts"
import * as Night from "./night.ts"
import * as Paint from "./paint.ts"
import * as Panel from "./panel.ts"
import { hardStop } from "./scenario.ts"
import { sockets } from "./sockets.ts"
import { table } from "./table.ts"

const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one JSON object with the numbers of both lanes, and nothing else."),
  Flag.withDefault(false)
)

const watched = Effect.gen(function*() {
  const paint = yield* Paint.paint
  const terminal = yield* Terminal.Terminal
  const night = yield* Night.make(sockets)
  const drawable = (yield* (yield* Stdio.Stdio).stdoutIsTerminal) &&
    (yield* terminal.rows) > Panel.height && (yield* terminal.columns) >= Panel.width
  const view = drawable ? Panel.watch(night, paint) : Lines.tell(night)
  const reports = yield* Effect.raceFirst(night.play, view)
  yield* Console.log(`\n${table(reports, paint).join("\n")}`)
})

const numbers = Effect.gen(function*() {
  const night = yield* Night.make(sockets)
  yield* Console.log(JSON.stringify(yield* night.play, null, 2))
})

const demo = Command.make("demo", { json }, ({ json }) =>
  Effect.scoped(json ? numbers : watched).pipe(
    Effect.timeoutOrElse({
      duration: `${hardStop} seconds`,
      orElse: () => Effect.fail(`The demo had not ended after ${hardStop} seconds and was stopped.`)
    })
  )).pipe(
    Command.withDescription("Replays the night of the incident: a bare client and a protected one, side by side.")
  )

Command.run(demo, { version: "0.1.0" }).pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
