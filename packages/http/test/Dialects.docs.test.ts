import { assert, describe, it } from "@effect/vitest"
import { ChatError, Dialects } from "@switchgear/http"
import { readFileSync } from "node:fs"

/** The rows of the table of a page whose first line has these heads, as the texts of their cells. */
const tableOf = (page: string, heads: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> => {
  const lines = readFileSync(new URL(`../../../docs/${page}`, import.meta.url), "utf8").split("\n")
  const cells = (line: string) => line.split("|").slice(1, -1).map((cell) => cell.trim().replaceAll("`", ""))
  const start = lines.findIndex((line) => cells(line).join() === heads.join())
  assert.notStrictEqual(start, -1, `${page} has no table of ${heads.join(", ")}`)
  const rest = lines.slice(start + 2)
  return rest.slice(0, rest.findIndex((line) => !line.startsWith("|"))).map(cells)
}

const list = <A>(value: A | ReadonlyArray<A> | undefined): ReadonlyArray<A> =>
  value === undefined ? [] : Array.isArray(value) ? value as ReadonlyArray<A> : [value as A]

describe("the documentation", () => {
  it("has the classes of the table, with their statuses and whose words they are", () => {
    const told = tableOf("dialects.md", ["Class", "Status alone", "In the words of"])
    const expected = Dialects.Class.literals.map((name) => {
      const rows = Dialects.rows.filter((row) => row.class === name)
      const words = ["code", "reason", "type", "grpcStatus", "says"] as const
      const statuses = rows.filter((row) => words.every((kind) => row[kind] === undefined)).flatMap(({ status }) =>
        list(status)
      )
      const providers = [...new Set(rows.map(({ provider }) => provider))].filter((name) => name !== "any").sort()
      return [name, statuses.join(", ") || "none", providers.join(", ")]
    })
    assert.deepStrictEqual(told, expected)
  })

  it("says of each class what is done about its failures", () => {
    const heads = [
      "Error",
      "Typical status",
      "Blame",
      "Same model again",
      "Next model",
      "Counts on the circuit",
      "Parks the key"
    ]
    const told = new Map(
      tableOf("errors.md", heads).map(([name, ...cells]) => [name, cells.map((cell) => cell.replace(/ \(\d+\)$/, ""))])
    )
    const yes = (is: boolean) => is ? "yes" : "no"
    for (const name of Dialects.Class.literals) {
      if (name === "ConnectFailed") continue
      // A row that says nothing of its own about it, with a status that a note below the table does not except.
      const row = Dialects.rows.find((row) =>
        row.class === name && row.retries === undefined && ![402, 408, 409, 413, 425].includes(row.example[0]) &&
        row.example[0] >= 400 &&
        !(name === "ProviderFault" && row.example[0] < 500) &&
        !/unsupported_parameter/.test(JSON.stringify(row.example))
      )!
      const [status, body] = row.example
      const error = ChatError.fromResponse({
        provider: "p",
        model: "m",
        status,
        headers: {},
        body: JSON.stringify(body)
      })
      const again = ChatError.retries(error)
      assert.deepStrictEqual(told.get(name)!.slice(1), [
        error.blame,
        name === "ProviderRateLimited" ? "after the wait" : again,
        ChatError.movesOn(error).replace("larger-window", "larger window"),
        yes(ChatError.countsOnBreaker(error)),
        yes(ChatError.parksKey(error))
      ], name)
      const statuses = Dialects.rows.filter((row) =>
        row.class === name && row.code === undefined && row.type === undefined &&
        row.reason === undefined && row.grpcStatus === undefined && row.says === undefined
      ).flatMap(({ status }) => list(status))
      for (const status of statuses) {
        const cell = told.get(name)![0]!
        assert.isTrue(
          cell.includes(`${status}`) || /other 4xx and 5xx/.test(cell),
          `${name}: ${status} is not in ${cell}`
        )
      }
    }
  })

  it("has one table of errors: that of the page is that of the source, with its notes", () => {
    const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8")
    const words = (text: string) =>
      text.replace(/\]\([^)]*\)|\[/g, "").replace(/\s*\|\s*/g, "|").replace(/-+\|/g, "-|").replace(/\s+/g, " ")
    const told = (text: string, end: string) =>
      words(text.slice(text.indexOf("| Error                 | Typical"), text.indexOf(end)))
    const page = told(read("docs/errors.md"), "`x-should-retry: false`")
    const source = told(
      read("packages/http/src/ChatError.ts").replaceAll(/^ \* ?/gm, ""),
      "Which failure has which class"
    )
    assert.include(page, "|`MalformedReply`|200, 3xx|")
    assert.strictEqual(source, page)
  })
})
