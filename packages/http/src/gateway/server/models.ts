/** The list of what a client may ask for, in the shape of OpenAI's API. */
import type { Caller } from "../service/callers.ts"
import type { Target } from "../service/targets.ts"
import * as Refusals from "./refusals.ts"

/** Seconds since the epoch: when the gateway was started. */
export const list = (caller: Caller, created: number): Refusals.Reply =>
  json({ object: "list", data: [...caller.targets.values()].map((target) => modelOf(target, created)) })

/** The model of a path, whose name may be percent-encoded. */
export const one = (caller: Caller, encoded: string, created: number): Refusals.Reply => {
  const name = decoded(encoded)
  const target = caller.targets.get(name)
  return target === undefined ? Refusals.unknownModel(name.slice(0, 100)) : json(modelOf(target, created))
}

const modelOf = ({ name, owner }: Target, created: number) => ({ id: name, object: "model", created, owned_by: owner })

const json = (value: unknown): Refusals.Reply => ({
  status: 200,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value)
})

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
