/** A provider: its client, and the APIs that it speaks. */
import * as NodeTransport from "../../NodeTransport.ts"
import { fields } from "../../nodeTransport/codec.ts"
import type { Provider, Spoken } from "./model.ts"
import type { Problem } from "./problem.ts"
import type { Reader } from "./reader.ts"
import { saidBy } from "./said.ts"

export const providerOf = (
  value: unknown,
  name: string,
  path: Problem["path"],
  reader: Reader
): Provider | undefined => {
  const { speaks, ...given } = reader.group(value, path, [...Object.keys(fields), "speaks"])
  const options = reader.decode(
    NodeTransport.ChatClientOptionsSchema,
    { provider: name, ...given },
    path,
    undefined,
    ([field]) => field === "headers" || field === "proxy"
  )
  return options && { options, speaks: spokenOf(speaks, [...path, "speaks"], reader), said: saidBy(value) }
}

/** A header that is a variable alone is a text, also where it looks like a number: a key may be made of digits. */
export const isTextOfProvider = (path: Problem["path"]): boolean =>
  path.length === 4 && path[0] === "providers" && path[2] === "headers"

const spokenOf = (value: unknown, path: Problem["path"], reader: Reader): ReadonlyArray<Spoken> => {
  if (value === undefined) return ["chat", "embeddings"]
  const given = reader.texts(value, path)
  if (given.length === 0) reader.refuse(path, `Expected a list of ${apis.join(", ")}`)
  given.forEach((api, i) => {
    if (!isSpoken(api)) reader.refuse([...path, i], `Expected one of ${apis.join(", ")}, got ${JSON.stringify(api)}`)
  })
  return given.filter(isSpoken)
}

const apis: ReadonlyArray<string> = ["chat", "embeddings", "messages", "responses"] satisfies ReadonlyArray<Spoken>

const isSpoken = (api: string): api is Spoken => apis.includes(api)
