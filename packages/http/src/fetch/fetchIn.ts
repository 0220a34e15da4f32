/** Makes a guarded fetch in a context, which has what is not live in a test, such as another clock. */
import { OptionsOf } from "@switchgear/core/runtime"
import type * as Context from "effect/Context"
import { askedOf } from "./asked.ts"
import { FetchCall } from "./fetchCall.ts"
import { TargetGuards } from "./guards.ts"
import type { GuardedFetch } from "./model.ts"
import type { Fetch, GuardedFetchOptions } from "./options.ts"
import { fieldNames, settingsOf } from "./settings.ts"

/** `owner` is the function that is called, in messages. */
export const fetchIn = (
  context: Context.Context<never>,
  options: GuardedFetchOptions,
  owner: string
): GuardedFetch => {
  const check = new OptionsOf(owner)
  if (typeof options !== "object" || options === null) check.refuse("options", "an object", options)
  check.known(options, ["name", "capacity", ...fieldNames, "onRefused", "fetch"])
  const { fetch: given, name, ...guards } = options
  const fetch = fetchOf(given, check)
  const nameOf = name === undefined ? ({ host }: URL) => host : check.callback("name", name)
  const all = new TargetGuards(settingsOf(guards, owner), context)

  const guarded: Fetch = async (input, init) => {
    const asked = askedOf(input, init)
    if (asked === undefined) return fetch(input, init)
    return all.run(new FetchCall(asked, all.use(targetOf(nameOf, asked.url)), all.settings, fetch))
  }
  return Object.assign(guarded, {
    ...all.face
  })
}

// That of the platform is taken when it is asked for: it may be replaced by what is made here.
const fetchOf = (given: unknown, check: OptionsOf): Fetch => {
  if (given !== undefined && typeof given !== "function") {
    check.refuse("fetch", "a function that is called as the platform's fetch, such as globalThis.fetch", given)
  }
  const fetch = (given ?? globalThis.fetch) as Fetch | undefined
  if (fetch === undefined) return check.withhold("fetch", "given, since the platform has none", "nothing")
  return fetch
}

const targetOf = (nameOf: (url: URL) => string, url: URL): string => {
  const name: unknown = nameOf(url)
  if (typeof name === "string" && name !== "") return name
  throw new TypeError(`guardedFetch: name must give a text that is not empty, and gave ${typeof name} for ${url.host}`)
}
