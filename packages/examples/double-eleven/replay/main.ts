/**
 * The night at its true scale, in virtual time: `npm run replay`, or `npm run replay -- --json` for the figures alone.
 *
 * The same million customers come to six lanes, from a bare client to everything there is. The same seed is the same
 * night, to the byte. No key is needed; nothing leaves this machine.
 */
// Before any schema is used: a million replies are decoded by code that is made for theirs.
import "effect/schema/SchemaJITCompiler/enable"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, Fiber, Option } from "effect"
import { CliError, Command, Flag } from "effect/cli"
import * as Paint from "../paint.ts"
import * as Files from "./files.ts"
import { plans } from "./lanes.ts"
import * as Progress from "./progress.ts"
import { replay, usual } from "./replay.ts"
import type { ReportData } from "./reportData.ts"
import { table, tale } from "./table.ts"

const calls = Flag.Int("calls").pipe(
  Flag.withDescription(`About so many customers come to each lane. Default: ${usual.calls}.`),
  Flag.withDefault(usual.calls),
  Flag.filter(
    (calls) => calls >= 1000 && calls <= 100_000_000,
    (calls) => `--calls must be a whole number from 1000 to 100000000, got ${calls}`
  )
)

const seed = Flag.String("seed").pipe(
  Flag.withDescription(`All chance comes from it. Default: ${usual.seed}.`),
  Flag.withDefault(usual.seed)
)

const names = plans.map(({ name }) => name).join(",")

const lanes = Flag.String("lanes").pipe(
  Flag.withDescription(`The lanes to play, some of ${names}. Default: all.`),
  Flag.withDefault(names),
  Flag.filterMap(
    (given) => {
      const wanted = given.split(",").map((name) => name.trim())
      const known = wanted.every((name) => plans.some((plan) => plan.name === name))
      return known ? Option.some(plans.filter(({ name }) => wanted.includes(name))) : Option.none()
    },
    (given) => `--lanes must be some of ${names}, separated by commas, got ${given}`
  )
)

const nodes = Flag.Int("nodes").pipe(
  Flag.withDescription(`The lanes with circuits are on so many nodes, which share them. Default: ${usual.nodes}.`),
  Flag.withDefault(usual.nodes),
  Flag.filter(
    (nodes) => nodes >= 1 && nodes <= 200,
    (nodes) => `--nodes must be a whole number from 1 to 200, got ${nodes}`
  )
)

const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one JSON object with the figures of the lanes, and nothing else."),
  Flag.withDefault(false)
)

const usualFolder = "build/replay"

const out = Flag.String("out").pipe(
  Flag.withDescription(`The folder for report.json and report.html. Default: ${usualFolder}.`),
  Flag.withDefault(usualFolder)
)

/** The figures without the series, which are in `report.json`. */
const figures = ({ callsPerLane, digest, lanes, nodes, seed, virtualCalls }: ReportData, wallSeconds: number) => ({
  seed,
  nodes,
  callsPerLane,
  virtualCalls,
  wallSeconds,
  digest,
  lanes: lanes.map(({ series: _, ...figures }) => figures)
})

/** What was done when nobody wanted to wait any longer. */
const soFar = ({ finished, underWay }: Progress.Progress): string =>
  [
    "Interrupted; nothing was written.",
    ...(finished.length === 0 ? [] : table(finished, Paint.plain)),
    ...[underWay()].filter((line) => line !== undefined)
  ].join("\n")

const command = Command.make(
  "replay",
  { calls, seed, lanes, nodes, json, out },
  ({ json, out, ...options }) =>
    Effect.gen(function*() {
      const writing = <A, E extends Error, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.mapError(effect, (cause) =>
          new CliError.UserError({ cause, userMessage: `The report could not be written to ${out}: ${cause.message}` }))
      yield* writing(Files.prepare(out))
      const progress = yield* Progress.make
      const teller = yield* Effect.forkChild(json ? Effect.never : Progress.tell(progress))
      const data = yield* replay(options, progress).pipe(
        Effect.ensuring(Fiber.interrupt(teller)),
        Effect.onInterrupt(() =>
          Console.error(soFar(progress))
        )
      )
      const paths = yield* writing(Files.write(out, data))
      const wallMillis = progress.finished.reduce((sum, { wallSeconds }) => sum + Math.round(wallSeconds * 1000), 0)
      if (json) return yield* Console.log(JSON.stringify(figures(data, wallMillis / 1000), null, 2))
      const paint = yield* Paint.paint
      const lines = [...table(progress.finished, paint), "", ...tale(data), "", `digest ${data.digest}`, ...paths]
      yield* Console.log(lines.join("\n"))
    })
).pipe(
  Command.withDescription("Replays the night of the incident in virtual time, at its true scale, in six lanes.")
)

Command.run(command, { version: "0.1.0" }).pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
