/**
 * A fleet on real sockets: `npm run fleet`, or `npm run fleet -- --json` for the numbers alone.
 *
 * A provider collapses and recovers in front of twenty processes, each with a guarded model. They play the same night three
 * times: with breakers of their own, with Effect's breaker over its Redis store, and as a fleet. Then the fleet plays it while its
 * Redis is paused, killed, emptied and out of reach. Redis is started by this command and ended with it; nothing leaves this machine.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Cause, Console, Effect, Exit } from "effect"
import { CliError, CliOutput, Command, Flag } from "effect/cli"
import * as Paint from "../double-eleven/paint.ts"
import * as Lines from "./lines.ts"
import { type Plan, run } from "./run.ts"
import { table } from "./table.ts"

const whole = (name: string, least: number, most: number, usual: number, description: string) =>
  Flag.Int(name).pipe(
    Flag.withDescription(`${description} Default: ${usual}.`),
    Flag.withDefault(usual),
    Flag.filter(
      (value) => value >= least && value <= most,
      (value) => `--${name} must be a whole number from ${least} to ${most}, got ${value}`
    )
  )

const nodes = whole("nodes", 2, 50, 20, "How many processes there are, from 2 to 50.")

const seconds = whole(
  "seconds",
  5,
  120,
  10,
  "How long a night lasts, from 5 to 120. Collapse and openings are parts of it."
)

const usualSeed = "1"

const seed = Flag.String("seed").pipe(
  Flag.withDescription(`Who calls when, and how long an answer takes, comes from it. Default: ${usualSeed}.`),
  Flag.withDefault(usualSeed)
)

const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one JSON object with the numbers, and nothing else. An error is one as well."),
  Flag.withDefault(false)
)

/** The time of all nights, and of starting the processes on a machine that has other work. */
const hardStop = ({ nodes, seconds }: Plan): number => 4 * seconds + 60 + 3 * nodes

const bounded = <A, E, R>(plan: Plan, play: Effect.Effect<A, E, R>) =>
  Effect.timeoutOrElse(play, {
    duration: `${hardStop(plan)} seconds`,
    orElse: () => {
      const userMessage = `The fleet had not ended after ${hardStop(plan)} seconds and was stopped.`
      return Effect.fail(new CliError.UserError({ cause: userMessage, userMessage }))
    }
  })

const shown = (plan: Plan) =>
  Effect.gen(function*() {
    const paint = yield* Paint.paint
    yield* Console.log(Lines.heading(plan).join("\n"))
    const lines = yield* Effect.acquireRelease(
      Effect.sync(() => Lines.lines(plan, (line) => console.log(line))),
      (lines) => Effect.sync(lines.ends)
    )
    const results = yield* run(plan, lines)
    yield* Console.log(`\n${table(results, paint).join("\n")}`)
  })

const numbers = (plan: Plan) =>
  Effect.flatMap(run(plan, Lines.silent), ({ figures }) => Console.log(JSON.stringify(figures, null, 2)))

const command = Command.make(
  "fleet",
  { nodes, seed, seconds, json },
  ({ json, ...plan }) => Effect.scoped(bounded(plan, json ? numbers(plan) : shown(plan)))
).pipe(
  Command.withDescription(
    "Plays a night in which a provider collapses on a fleet of processes with a Redis of its own, beside nodes that are alone."
  )
)

const wantsJson = process.argv.includes("--json")

/** What is wrong, in a sentence. */
const sentence = (cause: Cause.Cause<unknown>): string => {
  if (Cause.hasInterruptsOnly(cause)) return "Interrupted."
  const error = Cause.squash(cause)
  if (CliError.isCliError(error) && error._tag === "ShowHelp") {
    return error.errors.map(({ message }) => message).join("; ")
  }
  return (typeof error === "object" && error !== null && CliError.getUserMessage(error)) || Cause.pretty(cause)
}

/** Where numbers are asked for, what went wrong is told as an object, too. */
const asJson = <A, E, R>(play: Effect.Effect<A, E, R>) =>
  play.pipe(
    Effect.onError((cause) => Console.log(JSON.stringify({ error: sentence(cause) }))),
    Effect.provide(CliOutput.layerPresenter({
      present: (event) =>
        event._tag === "Help" && event.reason === "Implicit" ? Effect.void : CliOutput.defaultPresenter.present(event)
    }))
  )

// A terminal that is closed ends the command as Ctrl-C does.
process.once("SIGHUP", () => process.emit("SIGTERM"))

const main = Command.run(command, { version: "0.1.0", renderErrors: !wantsJson })

NodeRuntime.runMain(Effect.provide(wantsJson ? asJson(main) : main, NodeServices.layer), {
  disableErrorReporting: wantsJson,
  teardown: (exit, end) => end(Exit.isSuccess(exit) ? 0 : Cause.hasInterruptsOnly(exit.cause) ? 130 : 1)
})
