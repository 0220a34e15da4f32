import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { parseSync } from "vite"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { fences, render, writeDocs } from "../docs.ts"

const root = join(import.meta.dirname, "..", "..")
const page = (...code: ReadonlyArray<string>) => ["A page.", "", "```ts", ...code, "```", ""].join("\n")
const rendered = (...code: ReadonlyArray<string>) => render(fences("page.md", page(...code))[0]!, "../expectation.ts")
const refusal = (f: () => unknown): string => {
  try {
    f()
  } catch (error) {
    return String(error)
  }
  return "accepted"
}

describe("fences", () => {
  it("finds ts fences in Markdown, and no others", () => {
    const text = "```sh\nnpm test\n```\n\n  ```ts\n  1 + 1\n  ```\n\n```ts no-run\nlistenForever()\n```\n"
    assert.deepEqual(fences("page.md", text), [
      { file: "page.md", line: 6, mode: "run", code: "1 + 1" },
      { file: "page.md", line: 10, mode: "no-run", code: "listenForever()" }
    ])
  })

  it("finds fences in JSDoc, and none in strings or line comments", () => {
    const source = [
      "const text = \"/** no comment\"",
      "/* ```ts",
      "1",
      "``` */",
      "",
      "// ```ts",
      "/**",
      " * Doubles.",
      " *",
      " * ```ts",
      " * const a = {",
      " *   b: 1",
      " * }",
      " * ```",
      " */"
    ].join("\n")
    assert.deepEqual(fences("X.ts", source), [{ file: "X.ts", line: 11, mode: "run", code: "const a = {\n  b: 1\n}" }])
  })

  it("refuses an unknown word after ts and a fence that never ends", () => {
    assert.include(refusal(() => fences("page.md", "```ts norun\n1\n```")), "page.md:1: \"norun\"")
    assert.include(refusal(() => fences("page.md", "\n```ts\n1")), "page.md:2: this fence is never closed")
  })
})

describe("render", () => {
  it("keeps the line numbers of the page", () => {
    const lines = rendered("import { Effect } from \"effect\"", "", "const a = 1", "a // => 1").split("\n")
    assert.strictEqual(lines[3], "import { Effect } from \"effect\"")
    assert.include(lines[5], "const a = 1")
    assert.include(lines[6], "__doc.equal(7, a , (1))".replace(" ,", ","))
  })

  it("refuses a // => that would assert nothing", () => {
    for (const code of ["// => 1", "const { a } = b // => 1", "if (a) { } // => 1", "foo(1, // => 1\n2)"]) {
      assert.include(refusal(() => rendered(code)), "page.md:4: // => must stand")
    }
  })

  it("closes a fence that is only imports and a comment", () => {
    const module = rendered("import { Effect } from \"effect\"", "// no more")
    assert.deepEqual(parseSync("module.ts", module).errors, [])
    assert.include(module, "__doc.done()")
  })

  it("refuses code and values that do not parse", () => {
    assert.include(refusal(() => rendered("const = 1")), "page.md:4:")
    assert.include(refusal(() => rendered("1 // => a value in prose")), "page.md:4:")
  })
})

describe("a page", () => {
  const home = join(root, "build", `docs-test-${process.pid}`)
  const write = (name: string, text: string) => writeFileSync(join(home, name), text)
  let terminal: string
  let report: Map<string, { readonly status: string; readonly message: string }>

  beforeAll(() => {
    rmSync(home, { recursive: true, force: true })
    mkdirSync(join(home, "docs"), { recursive: true })
    mkdirSync(join(home, "scripts"))
    write("scripts/expectation.ts", readFileSync(join(root, "scripts", "expectation.ts"), "utf8"))
    write(
      "docs/right.md",
      page(
        "import { Effect, Option } from \"effect\"",
        "",
        "export const one = 1 // => 1",
        "Option.some(",
        "  one",
        ") // => Option.some(1)",
        "await Promise.resolve([one, \"二\"]) // => [1, \"二\"]",
        "const program = Effect.gen(function*() {",
        "  const two = yield* Effect.succeed(2); // => 2",
        "  return two",
        "})",
        "await Effect.runPromise(program) // => 2"
      )
    )
    write("docs/wrong.md", page("const object = { a: 1, b: [1, 2] } // => { a: 1, b: [1, 3] }"))
    write(
      "docs/nested.md",
      page(
        "import { Effect } from \"effect\"",
        "await Effect.runPromise(Effect.gen(function*() {",
        "  yield* Effect.succeed(2) // => 3",
        "}))"
      )
    )
    write("docs/throws.md", page("const fail = () => { throw new Error(\"broken promise\") }", "fail()"))
    write("docs/never.md", page("const later = () => {", "  1 // => 2", "}"))
    assert.deepEqual(writeDocs(home), [])
    const config = join(home, "vitest.config.mjs")
    writeFileSync(config, "export default { test: { include: [\"build/docs/**/*.test.ts\"] } }")
    const json = join(home, "report.json")
    const vitest = join(root, "node_modules", "vitest", "vitest.mjs")
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile=${json}`]
    const run = spawnSync(process.execPath, [vitest, "run", "--root", home, ...reporters], {
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined }
    })
    terminal = run.stdout + run.stderr
    type Report = {
      testResults: Array<{ assertionResults: Array<{ title: string; status: string; failureMessages: Array<string> }> }>
    }
    const { testResults }: Report = JSON.parse(readFileSync(json, "utf8"))
    report = new Map(
      testResults.flatMap((file) => file.assertionResults).map((test) => [
        test.title,
        { status: test.status, message: test.failureMessages.join("\n") }
      ])
    )
  }, 30_000)

  afterAll(() => rmSync(home, { recursive: true, force: true }))

  const failure = (title: string): string => {
    assert.strictEqual(report.get(title)?.status, "failed")
    return report.get(title)!.message
  }

  it("passes when every value is right: multi-line, declared, awaited and yielded", () => {
    assert.deepEqual(report.get("docs/right.md:4"), { status: "passed", message: "" })
  })

  it("fails on a wrong value, with the place and a diff", () => {
    assert.match(failure("docs/wrong.md:4"), /docs\/wrong\.md:4: not the value after/)
    assert.match(terminal, /- {5}3,\n\+ {5}2,/)
  })

  it("fails on a wrong value inside a generator", () => {
    assert.include(failure("docs/nested.md:4"), "docs/nested.md:6: not the value")
  })

  it("fails when the program throws, named by file and line", () => {
    assert.include(failure("docs/throws.md:4"), "broken promise")
  })

  it("fails when an assertion is never reached", () => {
    assert.include(failure("docs/never.md:4"), "docs/never.md:5: the program ended before")
  })

  it("loses its module when it is removed", () => {
    rmSync(join(home, "docs", "throws.md"))
    writeDocs(home)
    assert.throws(() => readFileSync(join(home, "build/docs/docs/throws.md.4.test.ts")), "ENOENT")
  })
})
