/** From a file of YAML, or an object like it, to what it says, or to everything that is wrong with it. */
import { adminOf, checkAddresses, isLoopback, listenOf } from "./addresses.ts"
import { cascadeOf } from "./cascades.ts"
import { checkClients, checkLimiters, clientOf } from "./clients.ts"
import { clusterOf } from "./cluster.ts"
import { unfitInFleet } from "./namesInFleet.ts"
import { type Environment, substitute, type Written } from "./environment.ts"
import { asGroup, entriesOf, isIn, parted } from "./groups.ts"
import { checkLedger, pricesOf } from "./ledger.ts"
import type { Config } from "./model.ts"
import { guards, modelOf } from "./models.ts"
import { isSecretOfOtlp, otlpOf } from "./otlp.ts"
import { placeOf, type Problem } from "./problem.ts"
import { isTextOfProvider, providerOf } from "./providers.ts"
import { got, isGroup, Reader, withoutValue } from "./reader.ts"
import { isSecretOfRedis, isTextOfRedis } from "./redis.ts"
import * as Resilience4j from "./resilience4j.ts"

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
  "otlp",
  "cluster",
  "providers",
  "defaults",
  "models",
  "cascades",
  "prices",
  "clients",
  "resilience4j"
]

export const read = (source: string | object, environment: Environment): Read => {
  const { problems, tree, written, writtenKeys } = substitute(source, environment, isSecret, isText)
  if (tree === undefined) return { config: undefined, problems, became: [] }
  const reader = new Reader()
  reader.problems.push(...problems)
  const [others, own] = isGroup(tree) ? parted(tree, Resilience4j.owns) : [tree, {}]
  const file = reader.group(others, [], sections)
  const { became, instances } = Resilience4j.read(own, reader)
  const providers = entriesOf(
    file.providers,
    "providers",
    reader,
    (value, name, path) => providerOf(value, name, path, reader)
  )
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
  const listed = reader.list(file.clients ?? undefined, ["clients"]).map((value, i) =>
    clientOf(value, ["clients", i], known, reader)
  )
  const clients = listed.filter((client) => client !== undefined)
  const listen = listenOf(file.listen, reader)
  const admin = adminOf(file.admin, reader)
  checkAddresses(listen, admin, reader)
  checkClients(listed, admin, reader)
  checkLimiters(listed, models, reader)
  const otlp = otlpOf(file.otlp, reader)
  const cluster = clusterOf(file.cluster, reader)
  if (!isLoopback(listen.host) && listed.length === 0) {
    reader.refuse(
      ["listen", "host"],
      `Expected a loopback address where there are no clients with tokens, got "${listen.host}"`
    )
  }
  if (listen.origins.includes("*") && listed.length === 0) {
    reader.refuse(["listen", "origins"], "Expected origins by name where there are no clients with tokens, got \"*\"")
  }
  if (cluster !== undefined) {
    for (const [path, problem] of unfitInFleet({ clients: listed, models })) reader.refuse(path, problem)
  }
  const missing = clients.find(({ budget }) => budget !== undefined)
  if (missing !== undefined && Object.keys(prices).length === 0) {
    reader.refuse(["prices"], `Expected prices, because the client "${missing.name}" has a budget`)
  }
  if (!reader.problems.some(({ path }) => billed.has(path[0]))) {
    listed.forEach((client, i) => {
      if (client !== undefined) checkLedger({ cascades, cluster, models, prices }, client, ["clients", i], reader)
    })
  }
  return {
    config: reader.problems.length > 0
      ? undefined
      : { listen, admin, otlp, cluster, providers, models, cascades, prices, clients },
    problems: reader.problems.map((problem) => asWritten(problem, written, writtenKeys)).toSorted((a, b) =>
      placeOf(a.path) < placeOf(b.path) ? -1 : 1
    ),
    became: [...became, ...Resilience4j.named(instances, asGroup(file.models))]
  }
}

/**
 * What is complained of is shown as it stands in the file: what a variable has may be a secret that was put into a wrong place, and
 * the complaint is in a log.
 */
const asWritten = (
  { message, path }: Problem,
  written: ReadonlyArray<Written>,
  keys: ReadonlyArray<Written>
): Problem => {
  const shown = [...path]
  for (const key of keys) {
    if (isWithin(path, key.path)) shown[key.path.length - 1] = key.text
  }
  const itself = written.find((one) => one.path.length === path.length && isWithin(one.path, path))
  if (itself !== undefined) return { path: shown, message: message.replace(got, () => `, got ${itself.text}`) }
  const hasVariables = [...written, ...keys].some((one) => one.path.length > path.length && isWithin(one.path, path))
  return { path: shown, message: hasVariables ? withoutValue(message) : message }
}

const isWithin = (path: Problem["path"], place: Problem["path"]): boolean => place.every((key, i) => path[i] === key)

/** The sections that say who is billed for what. What is wrong elsewhere hides nothing of them. */
const billed: ReadonlySet<unknown> = new Set([
  undefined,
  ...sections.filter((section) => !["listen", "admin", "otlp", "cluster"].includes(section))
])

const isSecret = (path: Problem["path"]): boolean =>
  secrets.has(path.at(-1)) || isSecretOfOtlp(path) || isSecretOfRedis(path)

const isText = (path: Problem["path"]): boolean => isTextOfProvider(path) || isTextOfRedis(path) || isFleet(path)

/** The name of a fleet may look like a number. */
const isFleet = (path: Problem["path"]): boolean => path.join(".") === "cluster.fleet"

const secrets: ReadonlySet<unknown> = new Set(["token", "readToken", "apiKey"])
