/** `switchgear rehearse`: plays bad nights in virtual time, and says which promises the file keeps. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import type * as GatewayConfig from "../GatewayConfig.ts"
import { speaksChat } from "../service/targets.ts"
import { type FileUnreadable, parse, readText } from "./file.ts"
import { nights } from "./rehearse/nights.ts"
import { modelsOf, play } from "./rehearse/play.ts"
import * as Promises from "./rehearse/promises.ts"
import { render } from "./rehearse/render.ts"

/** A word of the command that means nothing. */
export class RehearsalInvalid extends Schema.TaggedError<RehearsalInvalid>("@switchgear/http/gateway/RehearsalInvalid")(
  "RehearsalInvalid",
  { problem: Schema.String }
) {
  override get message(): string {
    return `${this.problem}.`
  }
}

export interface Rehearsal {
  readonly path: string
  /** The cascade or the model; the first of the file where it is left out. */
  readonly target: string | undefined
  readonly promises: ReadonlyArray<string>
  readonly nights: ReadonlyArray<string>
  readonly seed: string
}

/** Whether all promises were kept. */
export const rehearse = (
  rehearsal: Rehearsal
): Effect.Effect<boolean, FileUnreadable | GatewayConfig.ConfigInvalid | RehearsalInvalid, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const config = yield* parse(yield* readText(rehearsal.path), { port: undefined, adminPort: undefined })
    // What is rehearsed is asked for chat completions.
    const names = [...Object.keys(config.cascades), ...Object.keys(config.models)].filter((name) =>
      modelsOf(config, name).some((model) => speaksChat(config, model))
    )
    const target = rehearsal.target ?? names[0]
    if (target === undefined) return yield* invalid("No provider speaks chat completions")
    if (!names.includes(target))
      return yield* invalid(`There is no ${JSON.stringify(target)}. There are: ${names.join(", ")}`)
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
    const chosen = nights.filter(({ name }) => rehearsal.nights.length === 0 || rehearsal.nights.includes(name))
    const figures = yield* Effect.forEach(chosen, (night) => play(config, target, night, rehearsal.seed))
    yield* Console.log(render(figures, promises, config, target))
    return figures.every((night) => Promises.brokenIn(night, promises).length === 0)
  })

const invalid = (problem: string) => Effect.fail(new RehearsalInvalid({ problem }))
