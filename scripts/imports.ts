// Imports point one way: examples → http → core → effect. Inside core, primitives do not know each other. Inside http, no
// files and no rooms import each other in a circle.
import { globSync, readFileSync } from "node:fs"
import { join, posix } from "node:path"
import { parseSync } from "vite"
import { circles } from "./circles.ts"

/** Rooms of core's `internal/`, each of which knows those before it. */
const inner = ["data", "config", "runtime"]

/** What every primitive may import: how a call is judged, the budgets that travel with it, and the registry it enters. */
const shared = new Set(["Outcome", "Deadline", "Attempts", "RetryBudget", "Registry", "Guard"])

/** Primitives that are another one with something added, which they may import. */
const builtOn = new Map([["ConcurrencyLimit", "Bulkhead"]])

/** Modules of core that exist to know several primitives. */
const composers = new Set(["index", "Pipeline", "Cascade", "Telemetry", "Cluster", "platform"])

const packagesAllowed: Record<string, RegExp> = {
  core: /^effect($|\/)/,
  http: /^(effect|@effect\/platform-node|redis|@switchgear\/core)($|\/)|^node:/
}

/** Packages whose files, and whose rooms, must not import each other in circles, imports of types included. */
const withoutCircles = ["core", "http"]

/** What of http may import from Node: the transport, the connection of a fleet, the gateway, and what is for tests. */
const onNode = /^(nodeTransport\/|fleetRedis\/|gateway\/|testing\/)/

/** What serves and rehearses with simulated providers: the commands of the gateway. */
const simulating = /^gateway\/command\//

/** What knows how the platform evaluates an effect. */
const evaluator = "internal/runtime/primitive.ts"

const onlyTesting = "what is for tests is imported by testing/ and the commands of the gateway only"

/** Public modules that are part of another one. */
const parts = new Map([["StaleCacheStore", "StaleCache"]])

/**
 * The room that a file of a package is in: `CircuitBreaker.ts` and everything below `circuitBreaker/` are the room
 * `CircuitBreaker`, and each folder of `internal/` is one.
 */
const roomOf = (path: string): string => {
  const [folder = "", inside, deeper] = path.split("/")
  if (inside === undefined) return parts.get(folder.replace(/\.ts$/, "")) ?? folder.replace(/\.ts$/, "")
  if (folder === "internal") return deeper === undefined ? folder : `internal/${inside}`
  return folder === "testing" ? folder : folder.charAt(0).toUpperCase() + folder.slice(1)
}

const roomProblem = (from: string, to: string): string | undefined => {
  const rank = (room: string) => inner.indexOf(room.replace("internal/", ""))
  if (from === "internal") return "a file of internal/ is in one of its rooms"
  if (from.startsWith("internal/")) {
    return rank(to) >= 0 && rank(to) <= rank(from)
      ? undefined
      : `the rooms of internal/ are ${inner.join(", ")}: each imports only itself and those before it`
  }
  return composers.has(from) || shared.has(to) || rank(to) >= 0 || from === to || builtOn.get(from) === to
    ? undefined
    : `a primitive imports only ${[...shared].join(", ")} and internal/; only ${
      [...composers].slice(1).join(", ")
    } know several`
}

/** Why `file` (relative to the repository) may not import `specifier`, or undefined when it may. */
export const importProblem = (file: string, specifier: string): string | undefined => {
  const [, name = "", inside = ""] = /^packages\/(\w+)\/src\/(.*)$/.exec(file) ?? []
  const allowed = packagesAllowed[name]
  if (allowed === undefined) return undefined
  const maySimulate = inside.startsWith("testing/") || (name === "http" && simulating.test(inside))
  if (!specifier.startsWith(".")) {
    if (!maySimulate && specifier === "@switchgear/core/testing") return onlyTesting
    if (name === "http" && /^(node:|@effect\/platform-node|redis$)/.test(specifier) && !onNode.test(inside)) {
      return "only nodeTransport/, fleetRedis/, gateway/ and testing/ import from Node"
    }
    if (specifier === "effect/Effectable" && !(name === "core" && inside === evaluator)) {
      return `only ${evaluator} of core builds steps of a fiber`
    }
    return allowed.test(specifier) ? undefined : `${name} does not depend on it (examples → http → core → effect)`
  }
  const target = posix.normalize(posix.join(posix.dirname(inside), specifier))
  if (target.startsWith("..")) return "a package is imported by its name, not by a path into it"
  if (maySimulate) return undefined
  if (target.startsWith("testing/")) return onlyTesting
  return name === "core" ? roomProblem(roomOf(inside), roomOf(target)) : undefined
}

interface Import {
  readonly specifier: string
  readonly offset: number
}

const importsOf = (file: string, source: string): ReadonlyArray<Import> => {
  const { module } = parseSync(file, source)
  const at = (request: { readonly value: string; readonly start: number }): Import => ({
    specifier: request.value,
    offset: request.start
  })
  const literal = (request: { readonly start: number; readonly end: number }): Import => ({
    specifier: source.slice(request.start + 1, request.end - 1),
    offset: request.start
  })
  return [
    ...module.staticImports.map((entry) => at(entry.moduleRequest)),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.slice(0, 1).flatMap((entry) => entry.moduleRequest ? [at(entry.moduleRequest)] : [])
    ),
    ...module.dynamicImports.map((entry) => literal(entry.moduleRequest))
  ]
}

/** An import between two files of a package; both are paths below its `src`. */
interface Step {
  readonly from: string
  readonly to: string
  readonly line: number
  readonly specifier: string
}

/** The steps around each circle of the nodes that files belong to, which are the files themselves or their rooms. */
const circlesOf = (
  steps: ReadonlyArray<Step>,
  nodeOf: (path: string) => string
): ReadonlyArray<readonly [name: string, around: ReadonlyArray<Step>]> => {
  const graph = new Map<string, Map<string, Step>>()
  for (const step of steps) {
    const from = nodeOf(step.from)
    const to = nodeOf(step.to)
    if (from === to) continue
    const targets = graph.get(from) ?? new Map<string, Step>()
    graph.set(from, targets)
    if (!targets.has(to)) targets.set(to, step)
  }
  const sets = new Map(Array.from(graph, ([node, targets]) => [node, new Set(targets.keys())]))
  return circles(sets).map((circle) => [
    [...circle, circle[0]].join(" → "),
    circle.map((node, i) => graph.get(node)!.get(circle[(i + 1) % circle.length]!)!)
  ])
}

const circleProblems = (name: string, steps: ReadonlyArray<Step>): ReadonlyArray<string> => {
  const problem = ([first]: ReadonlyArray<Step>, reason: string) =>
    `packages/${name}/src/${first!.from}:${first!.line}: "${first!.specifier}": ${reason}`
  return [
    ...circlesOf(steps, (file) => file).map(([files, around]) => problem(around, `a circle of files: ${files}`)),
    ...circlesOf(steps, roomOf).map(([rooms, around]) =>
      problem(around, `a circle of rooms: ${rooms} (${around.map(({ from, to }) => `${from} → ${to}`).join(", ")})`)
    )
  ]
}

/**
 * Every import of the sources below `root` that points the wrong way, and every circle of them at its first import, as
 * `file:line: reason`.
 */
export const importProblems = (root: string): ReadonlyArray<string> => {
  const steps = new Map<string, Array<Step>>(withoutCircles.map((name) => [name, []]))
  const wrong = globSync("packages/*/src/**/*.ts", { cwd: root }).sort().flatMap((path) => {
    const file = path.replaceAll("\\", "/")
    const [, name = "", from = ""] = /^packages\/(\w+)\/src\/(.*)$/.exec(file) ?? []
    const source = readFileSync(join(root, path), "utf8")
    return importsOf(file, source).flatMap(({ offset, specifier }) => {
      const reason = importProblem(file, specifier)
      const line = source.slice(0, offset).split("\n").length
      if (specifier.startsWith(".")) {
        steps.get(name)?.push({ from, to: posix.join(posix.dirname(from), specifier), line, specifier })
      }
      return reason === undefined ? [] : [`${file}:${line}: "${specifier}": ${reason}`]
    })
  })
  return [...wrong, ...Array.from(steps, ([name, taken]) => circleProblems(name, taken)).flat()]
}
