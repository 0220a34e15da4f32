/** The options of a server's guard, checked, with their defaults. */
import type * as Bulkhead from "@switchgear/core/Bulkhead"
import { NumberOrDuration, optionsCodec, OptionsOf } from "@switchgear/core/runtime"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Schema from "effect/Schema"
import type { Options } from "./model.ts"

export interface Settings {
  readonly name: string
  /** Infinity for no limit. */
  readonly maxRequests: number
  readonly maxBytes: number
  readonly assumedBytes: number
  readonly limit: Bulkhead.Bulkhead | undefined
  /** Milliseconds. */
  readonly deadline: number | undefined
  readonly attempts: number | undefined
  readonly trust: (request: HttpServerRequest) => boolean
  readonly keyOf: Options["keyOf"]
  readonly priorityOf: Options["priorityOf"]
}

const optionNames: ReadonlyArray<keyof Options> = [
  "name",
  "limit",
  "maxRequests",
  "maxBytes",
  "assumedBytes",
  "deadline",
  "attempts",
  "trust",
  "keyOf",
  "priorityOf"
]

/** The settings of options that are given in code, where a misspelt one is refused here. */
export const settingsInCode = (options: Options): Settings => {
  const check = new OptionsOf("ServerGuard.make")
  check.known(options, optionNames)
  return settingsOf(options, check)
}

const settingsOf = (options: Options, check: OptionsOf): Settings => {
  const { assumedBytes, attempts, deadline, keyOf, limit, maxBytes, maxRequests, priorityOf, trust } = options
  check.part("limit", limit, ["protect"])
  const most = maxBytes === undefined ? Infinity : check.integer("maxBytes", maxBytes, 1)
  return {
    name: check.name(options.name),
    maxRequests: maxRequests === undefined ? Infinity : check.integer("maxRequests", maxRequests, 1),
    maxBytes: most,
    assumedBytes: assumedBytes === undefined
      ? Math.ceil(most / 100)
      : check.integer("assumedBytes", assumedBytes, 1, Math.min(most, Number.MAX_SAFE_INTEGER)),
    limit,
    deadline: deadline === undefined ? undefined : check.positive("deadline", deadline),
    attempts: attempts === undefined ? undefined : check.integer("attempts", attempts, 1),
    trust: trust === undefined ? () => false : check.callback("trust", trust),
    keyOf: keyOf === undefined ? undefined : check.callback("keyOf", keyOf),
    priorityOf: priorityOf === undefined ? undefined : check.callback("priorityOf", priorityOf)
  }
}

export const codec = optionsCodec<Options>()({
  name: Schema.optionalKey(Schema.String),
  maxRequests: Schema.optionalKey(NumberOrDuration),
  maxBytes: Schema.optionalKey(NumberOrDuration),
  assumedBytes: Schema.optionalKey(NumberOrDuration),
  deadline: Schema.optionalKey(NumberOrDuration),
  attempts: Schema.optionalKey(NumberOrDuration)
}, { read: (given) => given as Partial<Options>, check: settingsOf })
