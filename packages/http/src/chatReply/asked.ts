/** What of a request its answer is measured by. Read when the call is made: the request may change afterwards. */
import * as Predicate from "effect/Predicate"

/**
 * What a request asked for.
 */
export interface Asked {
  /** How many choices. */
  readonly choices: number
  /** Whether it asked for no answer at all, as a request does that only warms a cache of prompts. */
  readonly nothing: boolean
  /** Whether it offers tools, so that an answer may be a call. */
  readonly offersTools: boolean
  /** The tools that can be called without arguments, or `undefined` where the request is not known. */
  readonly parameterless: ReadonlySet<string> | undefined
  /** The tools that cannot be called without arguments, or `undefined` where the request is not known. */
  readonly requiring: ReadonlySet<string> | undefined
}

/** What is asked for where nothing is known of the request. */
export const unknown: Asked = {
  choices: 1,
  nothing: false,
  offersTools: false,
  parameterless: undefined,
  requiring: undefined
}

export const askedOf = (request: Readonly<Record<string, unknown>>): Asked => {
  // Who breaks the types is told so by the encoder of the request.
  if (!Predicate.isReadonlyObject(request)) return unknown
  const { n } = request
  const tools = toolsOf(request)
  return {
    choices: typeof n === "number" && Number.isInteger(n) && n > 1 ? n : 1,
    nothing: outputLimits.some((field) => isZero(request[field])),
    offersTools: tools.length > 0,
    parameterless: namesOf(tools, takesNothing),
    requiring: namesOf(tools, requiresSome)
  }
}

/** The names under which providers take the most tokens that an answer may have. */
const outputLimits = ["max_completion_tokens", "max_tokens", "max_output_tokens", "max_new_tokens", "n"]

const isZero = (u: unknown): boolean => u === 0 || u === "0"

/** The names of the tools of a request whose parameters are of a kind. */
const namesOf = (tools: ReadonlyArray<unknown>, is: (schema: unknown) => boolean): ReadonlySet<string> => {
  if (tools.length === 0) return nobody
  const names = new Set<string>()
  for (const tool of tools) {
    if (!Predicate.isReadonlyObject(tool)) continue
    const declared = Predicate.isReadonlyObject(tool["function"]) ? tool["function"] : tool
    if (typeof declared["name"] === "string" && is(declared["parameters"])) names.add(declared["name"])
  }
  return names
}

/** `functions` is the older form of `tools`. */
const toolsOf = ({ functions, tools }: Readonly<Record<string, unknown>>): ReadonlyArray<unknown> =>
  tools === undefined && functions === undefined
    ? none
    : [tools, functions].flatMap((tools) => Array.isArray(tools) ? tools : none)

const none: ReadonlyArray<unknown> = []
const nobody: ReadonlySet<string> = new Set()

/** Whether the JSON Schema of a tool's parameters lets it be called without any. */
export const takesNothing = (schema: unknown): boolean =>
  schema === undefined || schema === null ||
  (Predicate.isReadonlyObject(schema) && !choosing.some((word) => isFilled(schema[word])))

/** The words of a JSON Schema by which an object can have fields. */
const choosing = ["properties", "required", "anyOf", "oneOf", "allOf", "$ref", "patternProperties"]

const isFilled = (u: unknown): boolean =>
  typeof u === "string" || (typeof u === "object" && u !== null && Object.keys(u).length > 0)

const requiresSome = (schema: unknown): boolean =>
  Predicate.isReadonlyObject(schema) && Array.isArray(schema["required"]) && schema["required"].length > 0
