/** Types as people read them: in an editor, in declarations and in error messages, from two compilers. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { compile, type Compiled, type Compilers } from "./compilers.ts"
import { mistakePreamble, mistakes } from "./mistakes.ts"
import { bases, preamble, printed } from "./printed.ts"
import { sorted } from "./sorted.ts"

const user = Object.entries(printed).map(([name, [expression]]) => `export const ${name} = ${expression}\n`).join("")

const toBeSeen = preamble.split("\n").length + mistakePreamble.split("\n").length - 1
const mistaken = Object.values(mistakes).map(([expression], i) => `const mistake${i} = ${expression}\n`).join("")

// A user who imports one module has names for what is in it and no others.
const oneModule = `import * as Pipeline from "@switchgear/core/Pipeline"
import type { Parts } from "@switchgear/core/Pipeline"
declare const parts: Omit<Parts, "guards">
export const alone = Pipeline.make(parts)
export const again = Pipeline.make
`

const unrun = `import { Cascade } from "@switchgear/core"
import { Effect } from "effect"
const cascade = Cascade.first("gpt", Effect.succeed("answer"))
export const asPromise = Effect.runPromise(cascade)
export const mapped = Effect.map(cascade, (answer) => answer)
`

const manifest = JSON.parse(readFileSync(join(import.meta.dirname, "..", "..", "package.json"), "utf8"))
const specifiers = Object.keys(manifest.exports).map((path) => path.replace(".", "@switchgear/core"))

/** Exports again all values of a module, and of the modules in it. */
const valuesOf = (module: object, path: string): ReadonlyArray<string> =>
  Object.entries(module).flatMap(([name, value]) =>
    value?.[Symbol.toStringTag] === "Module"
      ? valuesOf(value, `${path}.${name}`)
      : [`export const ${path.replaceAll(".", "_")}_${name} = ${path}.${name}\n`]
  )

const everything = async (): Promise<string> => {
  const modules = await Promise.all(specifiers.map((specifier) => import(specifier)))
  return specifiers.map((specifier, i) => `import * as m${i} from "${specifier}"\n`).join("")
    + modules.flatMap((module, i) => valuesOf(module, `m${i}`)).join("")
}

let compilers: Compilers
beforeAll(async () => {
  compilers = await compile({
    "user.ts": preamble + user,
    "mistakes.ts": preamble + mistakePreamble + mistaken,
    "oneModule.ts": oneModule,
    "unrun.ts": unrun,
    "everything.ts": await everything()
  })
}, 120_000)
afterAll(() => compilers?.close())

const typeIn = (declarations: string, name: string): string | undefined =>
  new RegExp(`declare const ${name}: (.*);\n`).exec(declarations)?.[1]

// An editor leaves out where a name comes from.
const shortened = (type: string): string => type.replace(/import\("effect\/\w+"\)\./g, "")

const isOurs = (declarations: string): ReadonlyArray<string> =>
  declarations.match(
    /\b(?:Rejections|Added|AddedByGuards|Timed|Retried|GuardClass|KeyOf)<|import\("[^"]*switchgear[^"]*"\)/g
  )
    ?? []

describe.each(["5.9", "newest"] as const)("TypeScript %s", (version) => {
  const compiled = (): Compiled => compilers[version]

  it("accepts what a user exports without annotations", () => {
    assert.deepStrictEqual([...compiled().problems("user.ts")], [])
  })

  it.each(Object.entries(printed))("declares %s by the errors that can come of it", (name, [, type]) => {
    assert.strictEqual(sorted(typeIn(compiled().declarations("user.ts"), name) ?? "nothing"), type)
  })

  it.each(Object.entries(bases))("declares class %s by the service that it extends", (name, base) => {
    assert.strictEqual(typeIn(compiled().declarations("user.ts"), `${name}_base`), base)
  })

  it("names no type that is not exported", () => {
    assert.deepStrictEqual(isOurs(compiled().declarations("user.ts")), [])
  })

  it("names what it must by the path of an exported module, where only one is imported", () => {
    assert.deepStrictEqual([...compiled().problems("oneModule.ts")], [])
    const declarations = compiled().declarations("oneModule.ts")
    assert.strictEqual(
      sorted(typeIn(declarations, "alone")!).replaceAll("@switchgear/core/", ""),
      "import(\"effect/Effect\").Effect<Pipeline.Pipeline<import(\"Bulkhead\").BulkheadFull"
        + " | import(\"CircuitBreaker\").CircuitOpen | import(\"Deadline\").DeadlineExceeded"
        + " | import(\"RateLimiter\").RateLimited>, never, never>"
    )
  })

  it("can declare every value of every exported module again", () => {
    assert.deepStrictEqual([...compiled().problems("everything.ts")], [])
    assert.notMatch(compiled().declarations("everything.ts"), /dist\/|internal|node_modules/)
  })

  it.each(Object.entries(mistakes).map(([title, [, why]], i) => [title, i, why] as const))("%s", (_, i, why) => {
    assert.strictEqual(sorted(compiled().problems("mistakes.ts").get(toBeSeen + i)?.at(-1) ?? "nothing"), why)
  })

  it("a cascade that is given for an effect is told to be run", () => {
    const problems = [...compiled().problems("unrun.ts").values()].map((lines) => lines.join(" "))
    assert.strictEqual(problems.length, 2)
    for (const problem of problems) assert.include(problem, "Cascade.run(cascade) makes an Effect of it")
  })

  it("finds nothing but those mistakes", () => {
    assert.deepStrictEqual(
      [...compiled().problems("mistakes.ts").keys()].sort((a, b) => a - b),
      Object.keys(mistakes).map((_, i) => toBeSeen + i)
    )
  })
})

describe("an editor with TypeScript 5.9", () => {
  it.each(Object.entries(printed))("shows for %s what is declared", (name, [, type]) => {
    assert.strictEqual(sorted(compilers.hover("user.ts", `${name} = `)), `const ${name}: ${shortened(type)}`)
  })

  it("shows at Pipeline.make what it is given and what it makes", () => {
    assert.strictEqual(
      sorted(compilers.hover("user.ts", "make({ bulkhead, breaker })")).replace(/\s+/g, " "),
      "const make: <{ readonly bulkhead: Bulkhead.Bulkhead; readonly breaker: CircuitBreaker.CircuitBreaker; }>"
        + "(parts: { readonly bulkhead: Bulkhead.Bulkhead; readonly breaker: CircuitBreaker.CircuitBreaker; }"
        + " & { readonly retry?: Retry.Retry<Bulkhead.BulkheadFull | CircuitBreaker.CircuitOpen> | undefined; })"
        + " => Effect.Effect<Pipeline.Pipeline<Bulkhead.BulkheadFull | CircuitBreaker.CircuitOpen>, never, never>"
    )
  })
})
