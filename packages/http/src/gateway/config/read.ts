/** From a file of YAML to what it says, or to everything that is wrong with it. */
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as ChatModel from "../../ChatModel.ts"
import * as CostLedger from "../../CostLedger.ts"
import * as ModelCascade from "../../ModelCascade.ts"
import * as NodeTransport from "../../NodeTransport.ts"
import { fields } from "../../nodeTransport/codec.ts"
import * as Pricing from "../../Pricing.ts"
import { type Environment, substitute } from "./environment.ts"
import type { Admin, Cascade, Client, Config, Listen, Model, Spoken } from "./model.ts"
import { placeOf, type Problem } from "./problem.ts"
import { isGroup, Reader } from "./reader.ts"
import { ledgerOptionsOf } from "./ledger.ts"
import { saidBy } from "./said.ts"
import * as Resilience4j from "./resilience4j.ts"

type Group = Readonly<Record<string, unknown>>

/** What was read, what is wrong, and what became of the options of resilience4j. */
export interface Read {
  /** Undefined where anything is wrong. */
  readonly config: Config | undefined
  readonly problems: ReadonlyArray<Problem>
  readonly became: ReadonlyArray<Resilience4j.Became>
}

const sections = [
  "listen",
  "admin",
  "providers",
  "defaults",
  "models",
  "cascades",
  "prices",
  "clients",
  "resilience4j"
]

export const read = (text: string, environment: Environment): Read => {
  const { problems, tree } = substitute(text, environment, isSecret)
  if (tree === undefined) return { config: undefined, problems, became: [] }
  const reader = new Reader()
  reader.problems.push(...problems)
  const [others, own] = isGroup(tree) ? parted(tree, Resilience4j.owns) : [tree, {}]
  const file = reader.group(others, [], sections)
  const { became, instances } = Resilience4j.read(own, reader)
  const providers = entriesOf(file.providers, "providers", reader, (value, name, path) => {
    const { speaks, ...given } = reader.group(value, path, [...Object.keys(fields), "speaks"])
    const options = reader.decode(NodeTransport.ChatClientOptionsSchema, { provider: name, ...given }, path)
    return options && { options, speaks: spokenOf(speaks, [...path, "speaks"], reader), said: saidBy(value) }
  })
  const defaults = reader.group(file.defaults, ["defaults"], guards)
  const models = entriesOf(
    file.models,
    "models",
    reader,
    (value, name, path) => modelOf(value, name, path, { defaults, instances, providers: file.providers }, reader)
  )
  const cascades = entriesOf(
    file.cascades,
    "cascades",
    reader,
    (value, name, path) => cascadeOf(value, name, path, file.models, reader)
  )
  const prices = pricesOf(file.prices, reader)
  const known = { ...asGroup(file.models), ...asGroup(file.cascades) }
  for (const name of Object.keys(asGroup(file.cascades))) {
    if (isIn(file.models, name)) reader.refuse(["cascades", name], "Expected another name than that of a model")
  }
  if (Object.keys(asGroup(file.models)).length === 0) reader.refuse(["models"], "Expected at least one model")
  const clients = reader.list(file.clients ?? undefined, ["clients"]).flatMap((value, i) =>
    clientOf(value, ["clients", i], known, reader) ?? []
  )
  checkClients(clients, reader)
  const listen = listenOf(file.listen, reader)
  const admin = adminOf(file.admin, reader)
  if (!isLoopback(listen.host) && reader.list(file.clients ?? undefined, ["clients"]).length === 0) {
    reader.refuse(
      ["listen", "host"],
      `Expected a loopback address where there are no clients with tokens, got "${listen.host}"`
    )
  }
  const missing = clients.find(({ budget }) => budget !== undefined)
  if (missing !== undefined && Object.keys(prices).length === 0) {
    reader.refuse(["prices"], `Expected prices, because the client "${missing.name}" has a budget`)
  }
  if (reader.problems.length === 0) {
    for (const client of clients) checkLedger({ cascades, models, prices }, client, reader)
  }
  return {
    config: reader.problems.length > 0
      ? undefined
      : { listen, admin, providers, models, cascades, prices, clients },
    problems: reader.problems.toSorted((a, b) => placeOf(a.path) < placeOf(b.path) ? -1 : 1),
    became: [...became, ...Resilience4j.named(instances, asGroup(file.models))]
  }
}

const isSecret = (key: string): boolean => key === "token" || key === "readToken" || key === "apiKey"

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

/** Numbers of a byte. */
const mebibyte = 2 ** 20

const listenOf = (value: unknown, reader: Reader): Listen => {
  const path = ["listen"]
  const given = reader.group(value, path, [
    "host",
    "port",
    "maxBodySize",
    "maxBodiesSize",
    "maxRequests",
    "maxConnections",
    "headersTimeout",
    "requestTimeout",
    "keepAliveTimeout",
    "writeTimeout",
    "headAfter",
    "drainTimeout",
    "exhaustedStatus"
  ])
  const integer = (field: string, otherwise: number, range: readonly [number, number]) =>
    reader.integer(given[field], [...path, field], otherwise, range)
  const duration = (field: string, otherwise: `${number} seconds`) =>
    reader.duration(given[field], [...path, field], otherwise)
  return {
    host: given.host === undefined ? loopback : reader.text(given.host, [...path, "host"]) ?? loopback,
    port: integer("port", 4180, ports),
    maxBodySize: integer("maxBodySize", 20 * mebibyte, [1, 1024 * mebibyte]),
    maxBodiesSize: integer("maxBodiesSize", 256 * mebibyte, [1, 1024 ** 2 * mebibyte]),
    maxRequests: integer("maxRequests", 1000, [1, 1_000_000]),
    maxConnections: integer("maxConnections", 10_000, [1, 1_000_000]),
    headersTimeout: duration("headersTimeout", "10 seconds"),
    requestTimeout: duration("requestTimeout", "60 seconds"),
    keepAliveTimeout: duration("keepAliveTimeout", "75 seconds"),
    writeTimeout: duration("writeTimeout", "30 seconds"),
    headAfter: duration("headAfter", "20 seconds"),
    drainTimeout: duration("drainTimeout", "30 seconds"),
    exhaustedStatus: integer("exhaustedStatus", 503, [400, 599])
  }
}

const ports = [0, 65_535] as const
const loopback = "127.0.0.1"

export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host)

const adminOf = (value: unknown, reader: Reader): Admin | undefined => {
  const path = ["admin"]
  const given = reader.group(value, path, ["host", "port", "token", "readToken"])
  if (value === undefined || value === null) return undefined
  const token = reader.secret(given.token, [...path, "token"])
  const readToken = given.readToken === undefined ? undefined : reader.secret(given.readToken, [...path, "readToken"])
  return token && {
    host: given.host === undefined ? loopback : reader.text(given.host, [...path, "host"]) ?? loopback,
    port: reader.integer(given.port, [...path, "port"], 4181, ports),
    token,
    readToken
  }
}

/** The options of a model that `defaults` may have. */
const guards = ["breaker", "bulkhead", "rateLimiter", "retry", "attemptTimeout", "deadline", "readerTimeout"]

/** What a model can name, and what holds where it says nothing. */
interface Named {
  readonly defaults: Group
  readonly instances: Resilience4j.Instances
  readonly providers: unknown
}

const modelOf = (
  value: unknown,
  name: string,
  path: Problem["path"],
  { defaults, instances, providers }: Named,
  reader: Reader
): Model | undefined => {
  const { provider, resilience4j, ...own } = reader.group(value, path, ["provider", "model", "resilience4j", ...guards])
  const instance = typeof resilience4j === "string" && isIn(instances, resilience4j)
    ? instances[resilience4j]
    : undefined
  if (resilience4j !== undefined && instance === undefined) {
    reader.refuse([...path, "resilience4j"], `Expected ${oneOf(instances)}, got ${JSON.stringify(resilience4j)}`)
  }
  if (instance?.hasTwoBulkheads) {
    reader.refuse(
      [...path, "resilience4j"],
      `Expected an instance with one bulkhead: ${resilience4j} is in bulkhead and in thread-pool-bulkhead`
    )
  }
  const written = {
    ...merged(merged(defaults, instance?.options ?? {}), own),
    model: own.model === undefined ? name : own.model,
    name
  }
  if (value !== null && !isGroup(value)) return undefined
  const options = reader.decode(
    ChatModel.OptionsSchema,
    written,
    path,
    (keys) =>
      !isWritten(own, keys) && !isWritten(instance?.options ?? {}, keys) && isWritten(defaults, keys)
        ? ["defaults", ...keys]
        : [...path, ...keys]
  )
  const of = reader.text(provider, [...path, "provider"])
  if (of !== undefined && !isIn(providers, of)) {
    reader.refuse([...path, "provider"], `Expected ${oneOf(providers)}, got ${JSON.stringify(of)}`)
  }
  return options && of
    ? {
      provider: of,
      options: withRules(options, instance),
      initialState: instance?.initialState,
      said: saidBy(of, written, instance?.said)
    }
    : undefined
}

/** The options with what an instance says of errors, which cannot be written. */
const withRules = (options: ChatModel.Options, instance: Resilience4j.Instance | undefined): ChatModel.Options => ({
  ...options,
  ...instance?.countsAs && { countsAs: instance.countsAs },
  ...instance?.retries && { retry: { ...options.retry, while: instance.retries } }
})

/** The options of each guard one by one: what is not said again stays. */
const merged = (under: Group, over: Group): Group => {
  const result: Record<string, unknown> = { ...under }
  for (const [name, value] of Object.entries(over)) {
    const before = result[name]
    result[name] = isGroup(before) && isGroup(value) ? { ...before, ...value } : value
  }
  return result
}

/** Whether a group says something of an option, as {@link merged} looks at it. */
const isWritten = (group: Group, [guard, option]: Problem["path"]): boolean => {
  const options = typeof guard === "string" ? group[guard] : undefined
  return isGroup(options) && typeof option === "string" ? Object.hasOwn(options, option) : options !== undefined
}

const cascadeOf = (
  value: unknown,
  name: string,
  path: Problem["path"],
  models: unknown,
  reader: Reader
): Cascade | undefined => {
  const given = reader.group(value, path, ["steps", "deadline", "cache", "share", "attempts", "canned"])
  if (value !== null && !isGroup(value)) return undefined
  const { canned, steps: names, ...rest } = given
  const steps = reader.texts(names, [...path, "steps"])
  if (steps.length === 0) reader.refuse([...path, "steps"], "Expected the names of at least one model")
  steps.forEach((step, i) => {
    if (!isIn(models, step)) {
      reader.refuse([...path, "steps", i], `Expected ${oneOf(models)}, got ${JSON.stringify(step)}`)
    }
  })
  const options = reader.decode(ModelCascade.OptionsSchema, {
    ...rest,
    ...canned === undefined ? {} : { canned: withDefault(canned) },
    name
  }, path)
  return options && { steps, options, said: saidBy(given) }
}

/** Sentences without one for all other languages have the English one there, or else the first. */
const withDefault = (canned: unknown): unknown =>
  isGroup(canned) && canned.default === undefined
    ? { ...canned, default: canned.en ?? Object.values(canned)[0] }
    : canned

const pricesOf = (value: unknown, reader: Reader): Pricing.Catalogue => {
  if (value === undefined || value === null) return {}
  return reader.decode(Pricing.CatalogueSchema, value, ["prices"]) === undefined
    ? {}
    : Effect.runSync(Effect.orDie(Pricing.decode(value)))
}

const clientOf = (value: unknown, path: Problem["path"], models: Group, reader: Reader): Client | undefined => {
  const given = reader.group(value, path, ["name", "token", "models", "limits", "budget", "priority"])
  const name = reader.text(given.name, [...path, "name"])
  const tokens = (Array.isArray(given.token) ? given.token : [given.token]).flatMap((token, i) =>
    reader.secret(token, Array.isArray(given.token) ? [...path, "token", i] : [...path, "token"]) ?? []
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
  return name === undefined || tokens.length === 0
    ? undefined
    : {
      name,
      tokens,
      models: asked,
      limits,
      budget: budgetOf(given.budget, [...path, "budget"], reader),
      priority: reader.integer(given.priority, [...path, "priority"], 0, [-1000, 1000])
    }
}

/** A budget needs a price of all that its client may be billed for. */
const checkLedger = (
  config: Pick<Config, "cascades" | "models" | "prices">,
  client: Client,
  reader: Reader
): void => {
  const options = ledgerOptionsOf(config, client)
  if (options === undefined) return
  const exit = Effect.runSyncExit(CostLedger.make(options))
  if (exit._tag === "Success") return
  const failure = exit.cause.reasons.find(Cause.isFailReason)?.error
  reader.refuse(["prices"], failure === undefined ? "They cannot be read" : failure.message.replace(/\.$/, ""))
}

const budgetOf = (value: unknown, path: Problem["path"], reader: Reader): Client["budget"] => {
  if (value === undefined) return undefined
  const { dollars, window } = reader.group(value, path, ["dollars", "window"])
  if (typeof dollars !== "number" || !(dollars > 0)) {
    return reader.refuse([...path, "dollars"], `Expected a number above zero, got ${JSON.stringify(dollars)}`)
  }
  if (window === "day" || window === "month") return { dollars, window }
  return { dollars, window: reader.duration(window, [...path, "window"], "1 day") as CostLedger.Budget["window"] }
}

const checkClients = (clients: ReadonlyArray<Client>, reader: Reader): void => {
  const names = new Set<string>()
  const tokens = new Map<string, string>()
  clients.forEach((client, i) => {
    if (names.has(client.name))
      reader.refuse(["clients", i, "name"], `Expected a name of its own, got "${client.name}"`)
    names.add(client.name)
    for (const token of client.tokens) {
      const other = tokens.get(Redacted.value(token))
      if (other !== undefined)
        reader.refuse(["clients", i, "token"], `Expected a token of its own, got that of "${other}"`)
      tokens.set(Redacted.value(token), client.name)
    }
  })
}

const entriesOf = <A>(
  value: unknown,
  section: string,
  reader: Reader,
  of: (value: unknown, name: string, path: Problem["path"]) => A | undefined
): { readonly [name: string]: A } => {
  const entries: Array<readonly [string, A]> = []
  for (const [name, written] of Object.entries(reader.group(value, [section]))) {
    const made = of(written, name, [section, name])
    if (made !== undefined) entries.push([name, made])
  }
  return Object.fromEntries(entries)
}

/** The entries whose keys do not hold, and those whose keys do. */
const parted = (group: Group, holds: (key: string) => boolean): readonly [Group, Group] => {
  const entries = Object.entries(group)
  return [
    Object.fromEntries(entries.filter(([key]) => !holds(key))),
    Object.fromEntries(entries.filter(([key]) => holds(key)))
  ]
}

const asGroup = (value: unknown): Group => isGroup(value) ? value : {}

const isIn = (group: unknown, name: string): boolean => Object.hasOwn(asGroup(group), name)

const oneOf = (group: unknown): string => {
  const names = Object.keys(asGroup(group))
  return names.length === 0 ? "a name of nothing, because there is none" : `one of ${names.join(", ")}`
}
