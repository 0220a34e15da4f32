/** `switchgear rehearse`: plays bad nights in virtual time, and says which promises the file keeps. */
import { ReportPage } from "@switchgear/core/testing"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import * as Schema from "effect/Schema"
import type * as GatewayConfig from "../GatewayConfig.ts"
import { type FileUnreadable, parse, readText } from "./file.ts"
import { nights } from "./rehearse/nights.ts"
import * as Kinds from "./rehearse/kinds.ts"
import { play } from "./rehearse/play.ts"
import * as Promises from "./rehearse/promises.ts"
import { html } from "./rehearse/page/html.ts"
import { render } from "./rehearse/render.ts"
import { type Report, reportOf } from "./rehearse/report.ts"

/** A word of the command that means nothing. */
export class RehearsalInvalid extends Schema.TaggedError<RehearsalInvalid>("@switchgear/http/gateway/RehearsalInvalid")(
  "RehearsalInvalid",
  { problem: Schema.String }
) {
  override get message(): string {
    return `${this.problem}.`
  }
}

/** The report is not in its folder. */
export class ReportNotWritten extends Schema.TaggedError<ReportNotWritten>("@switchgear/http/gateway/ReportNotWritten")(
  "ReportNotWritten",
  { folder: Schema.String, problem: Schema.String }
) {
  override get message(): string {
    return `The report could not be written to ${this.folder}: ${this.problem}`
  }
}

export interface Rehearsal {
  readonly path: string
  /** The cascade or the model; the first of the file where it is left out. */
  readonly target: string | undefined
  readonly promises: ReadonlyArray<string>
  readonly nights: ReadonlyArray<string>
  /** How customers ask; usual ways where it is empty. */
  readonly kinds: ReadonlyArray<string>
  readonly seed: string
  /** The folder for the report. */
  readonly out: string
}

/** Whether all promises were kept. */
export const rehearse = (
  rehearsal: Rehearsal
): Effect.Effect<
  boolean,
  FileUnreadable | GatewayConfig.ConfigInvalid | RehearsalInvalid | ReportNotWritten,
  FileSystem.FileSystem | Path.Path
> =>
  Effect.gen(function*() {
    const config = yield* parse(yield* readText(rehearsal.path), { port: undefined, adminPort: undefined })
    const names = [...Object.keys(config.cascades), ...Object.keys(config.models)]
    const target = rehearsal.target ?? names.find((name) => mayAsk(config, name)) ?? names[0]!
    if (!names.includes(target))
      return yield* invalid(`There is no ${JSON.stringify(target)}. There are: ${names.join(", ")}`)
    if (!mayAsk(config, target)) {
      return yield* invalid(`No client may ask for ${JSON.stringify(target)}: it is in no clients[].models`)
    }
    const answered = Kinds.kindsOf(config, target)
    const notAnswered = rehearsal.kinds.find((name) => !answered.some((kind) => kind.name === name))
    if (notAnswered !== undefined) {
      return yield* invalid(
        `${target} does not answer ${JSON.stringify(notAnswered)}. It answers: ${
          answered.map(({ name }) => name).join(", ")
        }`
      )
    }
    const kinds = rehearsal.kinds.length === 0
      ? Kinds.usual(answered)
      : answered.filter(({ name }) => rehearsal.kinds.includes(name))
    const given = rehearsal.promises.map(Promises.read)
    const wrong = given.find((promise) => typeof promise === "string")
    if (wrong !== undefined) return yield* invalid(String(wrong))
    const promises = given.length > 0 ? given as ReadonlyArray<Promises.Promised> : Promises.usual(config, target)
    const unknown = rehearsal.nights.find((name) => !nights.some((night) => night.name === name))
    if (unknown !== undefined) {
      return yield* invalid(
        `There is no night ${JSON.stringify(unknown)}. There are: ${nights.map(({ name }) => name).join(", ")}`
      )
    }
    const chosen = nights.filter(({ name, only }) =>
      rehearsal.nights.length > 0
        ? rehearsal.nights.includes(name)
        : only === undefined || kinds.some(({ delivery }) => delivery === "stream")
    )
    // The nights take half a minute.
    yield* folderFor(rehearsal.out)
    const figures = yield* Effect.forEach(
      chosen,
      (night) => play({ config, target, kinds, seed: rehearsal.seed }, night)
    )
    // A pipeline would take the file for what nobody looked at.
    const idle = given.length > 0 ? promises.flatMap((promise) => Promises.unjudged(figures, promise) ?? []) : []
    if (idle.length > 0) return yield* invalid(idle.join(". "))
    const report = reportOf({ config, target, kinds, seed: rehearsal.seed, promises }, figures)
    yield* Console.log(render(report))
    yield* Console.log(`\n${(yield* written(rehearsal.out, report)).join("\n")}`)
    return report.nights.every(({ broken }) => broken.length === 0)
  })

/** Whether there would be customers. */
const mayAsk = ({ clients }: GatewayConfig.Config, target: string): boolean =>
  clients.length === 0 || clients.some(({ models }) => models === undefined || models.includes(target))

/** Makes the folder of the report if it is not there, and fails where nothing can be written to it. */
const folderFor = (folder: string) =>
  Effect.andThen(
    ReportPage.prepare(folder),
    FileSystem.FileSystem.use((files) => files.access(folder, { writable: true }))
  ).pipe(Effect.mapError(notWritten(folder)))

const written = (folder: string, report: Report) =>
  ReportPage.write(folder, { "report.json": `${JSON.stringify(report)}\n`, "report.html": html(report) }).pipe(
    Effect.mapError(notWritten(folder))
  )

const notWritten =
  (folder: string) => ({ message, reason: { cause } }: PlatformError.PlatformError): ReportNotWritten =>
    new ReportNotWritten({ folder, problem: whys.get((cause as NodeJS.ErrnoException | undefined)?.code) ?? message })

const whys: ReadonlyMap<string | undefined, string> = new Map([
  ["ENOSPC", "the disk is full."],
  ["EACCES", "it may not be written by this user."],
  ["EPERM", "it may not be written by this user."],
  ["EROFS", "it may not be written by anybody."],
  ["EEXIST", "it is no folder."],
  ["ENOTDIR", "it is no folder."]
])

const invalid = (problem: string) => Effect.fail(new RehearsalInvalid({ problem }))
