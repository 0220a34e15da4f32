// A link from one page of the documentation to another leads somewhere: to a file, and to a heading of it if it names one.
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "vitest"

const root = join(import.meta.dirname, "..", "..")
const pages = globSync(["*.md", "docs/**/*.md", "packages/*/README.md", "packages/core/test/**/*.md"], { cwd: root })

const withoutFences = (text: string): string => text.replace(/^\s*```[\s\S]*?^\s*```/gm, "")
const withoutCode = (text: string): string => withoutFences(text).replace(/`[^`\n]*`/g, "code")

/** As GitHub names headings: small letters, hyphens for spaces, and nothing else that is not a letter or a number. */
const anchorsOf = (text: string): ReadonlyArray<string> =>
  Array.from(
    withoutFences(text).matchAll(/^#+ (.+)$/gm),
    ([, heading = ""]) => heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(" ", "-")
  )

const brokenLinks = (page: string, text: string): ReadonlyArray<string> =>
  Array.from(withoutCode(text).matchAll(/\]\(([^()\s]+)\)/g), ([, target = ""]) => target).filter((target) => {
    if (/^[a-z]+:/.test(target)) return false
    const [path = "", anchor] = target.split("#")
    const file = path === "" ? page : join(dirname(page), path)
    if (!existsSync(join(root, file))) return true
    const there = () => file === page ? text : readFileSync(join(root, file), "utf8")
    return anchor !== undefined && !anchorsOf(there()).includes(anchor)
  })

describe("links", () => {
  it.each(pages)("of %s lead somewhere", (page) => {
    assert.deepStrictEqual(brokenLinks(page, readFileSync(join(root, page), "utf8")), [])
  })

  it.each(globSync("packages/*/README.md", { cwd: root }))(
    "of %s lead somewhere on npm, too, which has only that page",
    (page) => {
      const text = withoutCode(readFileSync(join(root, page), "utf8"))
      const targets = Array.from(text.matchAll(/\]\(([^()\s]+)\)/g), ([, target = ""]) => target)
      assert.deepStrictEqual(targets.filter((target) => !/^(https:|#)/.test(target)), [])
    }
  )

  it("that lead nowhere are found: a file, a picture, a heading of the page or of another", () => {
    const text = [
      "[a](docs/none.md), ![b](none.svg), [c](#none), [d](docs/testing.md#none), [e](docs/testing.md#load)",
      "[f](https://example.com/none), `[g](none)`",
      "# A `b`, and C",
      "[h](#a-b-and-c)"
    ].join("\n")
    assert.deepStrictEqual(brokenLinks("README.md", text), [
      "docs/none.md",
      "none.svg",
      "#none",
      "docs/testing.md#none"
    ])
  })
})
