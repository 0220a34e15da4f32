/**
 * The incident, replayed on real sockets: `npm run demo`, or `npm run demo -- --json` for the numbers alone. With `--watch` it is
 * played through a gateway, whose page for operators can be watched meanwhile.
 *
 * A provider collapses under fifteen times the load. The same customers come to two lanes: a client with a plain
 * time-out, as on the night of the incident, and one behind switchgear. No key is needed; nothing leaves this machine.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Cause, Console, Effect, Exit, Stdio, Terminal } from "effect"
import { Command, Flag } from "effect/cli"
import * as Lines from "./lines.ts"
import * as Night from "./night.ts"
import * as Paint from "./paint.ts"
import * as Panel from "./panel.ts"
import { hardStop, speed } from "./scenario.ts"
import { sockets } from "./sockets.ts"
import { table } from "./table.ts"
import { watchSpeed, watchStop } from "./throughGateway/bounds.ts"

const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one JSON object with the numbers of both lanes, and nothing else."),
  Flag.withDefault(false)
)

const watch = Flag.Boolean("watch").pipe(
  Flag.withDescription(
    `Play it through a gateway instead, and print the address of its page for operators. Ends with Ctrl-C, or after ${watchStop} minutes.`
  ),
  Flag.withDefault(false)
)

const times = Flag.Int("speed").pipe(
  Flag.withDescription(
    `With --watch: how many times faster than the night, from 1 to ${speed}. Default: ${watchSpeed}.`
  ),
  Flag.withDefault(watchSpeed)
)

const shown = Effect.gen(function*() {
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

const bounded = <E, R>(play: Effect.Effect<void, E, R>) =>
  Effect.timeoutOrElse(play, {
    duration: `${hardStop} seconds`,
    orElse: () => Effect.fail(`The demo had not ended after ${hardStop} seconds and was stopped.`)
  })

const chosen = Effect.fnUntraced(function*(json: boolean, watch: boolean, times: number) {
  if (json && watch) {
    return yield* Effect.fail("--json prints the numbers of two lanes, and --watch plays none of them: choose one.")
  }
  if (times < 1 || times > speed) return yield* Effect.fail(`--speed is a number from 1 to ${speed}, not ${times}.`)
  if (!watch) return yield* bounded(json ? numbers : shown)
  // A gateway takes its time to be loaded, and the other lanes do without it.
  const { playThroughGateway } = yield* Effect.promise(() => import("./throughGateway/play.ts"))
  yield* playThroughGateway(times)
})

const demo = Command.make(
  "demo",
  { json, watch, times },
  ({ json, times, watch }) => Effect.scoped(chosen(json, watch, times))
).pipe(
  Command.withDescription("Replays the night of the incident: a bare client and a protected one, side by side.")
)

Command.run(demo, { version: "0.1.0" }).pipe(
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({
    // Who watches ends it by an interruption, and then it has ended well.
    teardown: (exit, end) =>
      end(Exit.isSuccess(exit) ? 0 : Cause.hasInterruptsOnly(exit.cause) ? Number(process.exitCode ?? 130) : 1)
  })
)
