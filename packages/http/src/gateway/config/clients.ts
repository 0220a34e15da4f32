/** Who may call, with limits and budgets. */
import * as RateLimiter from "@switchgear/core/RateLimiter"
import type * as CostLedger from "../../CostLedger.ts"
import { type Group, isIn, oneOf } from "./groups.ts"
import { refuseCosts } from "./limits.ts"
import type { Admin, Client, Config } from "./model.ts"
import type { Problem } from "./problem.ts"
import type { Reader } from "./reader.ts"
import { clientTokenOf, digestOfWritten } from "./token.ts"

export const clientOf = (value: unknown, path: Problem["path"], models: Group, reader: Reader): Client | undefined => {
  const given = reader.group(value, path, ["name", "token", "models", "limits", "budget", "priority", "share"])
  const name = reader.text(given.name, [...path, "name"])
  const tokens = (Array.isArray(given.token) ? given.token : [given.token]).flatMap((token, i) =>
    clientTokenOf(token, Array.isArray(given.token) ? [...path, "token", i] : [...path, "token"], reader) ?? []
  )
  // Without a token, nobody is this client; without any client, everybody may call.
  if (Array.isArray(given.token) && given.token.length === 0) {
    reader.refuse([...path, "token"], "Expected at least one text that is not empty")
  }
  const asked = given.models === undefined ? undefined : reader.texts(given.models, [...path, "models"])
  asked?.forEach((model, i) => {
    if (!isIn(models, model)) {
      reader.refuse([...path, "models", i], `Expected ${oneOf(models)}, got ${JSON.stringify(model)}`)
    }
  })
  const limits = given.limits === undefined
    ? []
    : reader.decode(RateLimiter.OptionsSchema, { name: name ?? "client", limits: given.limits }, path)?.limits ?? []
  refuseCosts(limits, (keys) => [...path, "limits", ...keys], reader)
  const budget = budgetOf(given.budget, [...path, "budget"], reader)
  const priority = reader.integer(given.priority, [...path, "priority"], 0, [-1000, 1000])
  const share = reader.integer(given.share, [...path, "share"], 1, [1, 1000])
  // Without a token as well: what is wrong with its name beside others is told at the same time.
  return name === undefined ? undefined : { name, tokens, models: asked, limits, budget, priority, share }
}

const budgetOf = (value: unknown, path: Problem["path"], reader: Reader): Client["budget"] => {
  if (value === undefined) return undefined
  const { dollars, window: over } = reader.group(value, path, ["dollars", "window"])
  const window = over === "day" || over === "month"
    ? over
    : reader.duration(over, [...path, "window"], "1 day") as CostLedger.Budget["window"]
  return typeof dollars === "number" && dollars > 0
    ? { dollars, window }
    : reader.refuse([...path, "dollars"], `Expected a number above zero, got ${JSON.stringify(dollars)}`)
}

/** The name of the limiter of a client. */
export const limiterName = (client: string): string => `client ${client}`

/** Limiters with one name are one for all gateways of a fleet, and those who read what is refused. */
export const checkLimiters = (
  clients: ReadonlyArray<Client | undefined>,
  models: { readonly [model: string]: Pick<Config["models"][string], "options"> },
  reader: Reader
): void =>
  clients.forEach((client, i) => {
    if (client === undefined || client.limits.length === 0) return
    const name = limiterName(client.name)
    if (!isIn(models, name) || models[name]!.options.rateLimiter === undefined) return
    reader.refuse(
      ["clients", i, "name"],
      `Expected another name than "${client.name}", because the model "${name}" has a rateLimiter, and the limits of this client are called the same`
    )
  })

/**
 * No two of them have the same name, and no token is that of somebody else, operators included. Those that cannot be read are
 * undefined: each is told by its place in the file.
 */
export const checkClients = (
  clients: ReadonlyArray<Client | undefined>,
  admin: Admin | undefined,
  reader: Reader
): void => {
  const names = new Set<string>()
  const tokens = new Map<string, string>()
  if (admin !== undefined) {
    tokens.set(digestOfWritten(admin.token), "admin.token")
    if (admin.readToken !== undefined) {
      const digest = digestOfWritten(admin.readToken)
      if (tokens.has(digest)) reader.refuse(["admin", "readToken"], "Expected another token than admin.token")
      tokens.set(digest, "admin.readToken")
    }
  }
  clients.forEach((client, i) => {
    if (client === undefined) return
    if (names.has(client.name))
      reader.refuse(["clients", i, "name"], `Expected a name of its own, got "${client.name}"`)
    names.add(client.name)
    for (const { token } of client.tokens) {
      const digest = digestOfWritten(token)
      const other = tokens.get(digest)
      if (other !== undefined)
        reader.refuse(["clients", i, "token"], `Expected a token of its own, got that of "${other}"`)
      tokens.set(digest, client.name)
    }
  })
}
