/** Clients that applications have, unmodified and on sockets: how often they ask on bad days, and what they wait. */
import { assert, describe, it } from "@effect/vitest"
import { type Fetch, guard, guardedFetch, type GuardOptions } from "@switchgear/http/fetch"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { aiSdkCompatible, aiSdkOpenai } from "../gateway/clients/aiSdk.ts"
import { type Application, statusOf } from "../gateway/clients/application.ts"
import { langchain } from "../gateway/clients/langchain.ts"
import { openai6, openai7 } from "../gateway/clients/openai.ts"
import { anthropic } from "./anthropic.ts"
import * as Days from "./days.ts"
import { guardedModel, target } from "./guardedModel.ts"
import { type Served, served } from "./served.ts"
import { noting } from "./waits.ts"

const applications = [openai7, openai6, aiSdkOpenai, aiSdkCompatible, langchain, anthropic]

const days = {
  "all is well": Days.good,
  "a 503": Days.busy,
  "a 429 with `retry-after: 30`": Days.limited,
  "no answer": Days.hang,
  "a stream is cut": Days.cut,
  "the circuit is open": Days.busy
} as const

type Day = keyof typeof days

/** A time-out that is too short for anybody to wait for. */
const timeout = 90

const optionsOn = (day: Day): GuardOptions => day === "no answer" ? { attemptTimeout: timeout } : {}

const isAiSdk = ({ name }: Application) => name.startsWith("ai ")

/** The ways to ask, by the heads of their columns. */
const ways = {
  bare: (_application: Application, _day: Day, fetch: Fetch) => ({ fetch, open: () => {} }),
  guardedFetch: (application: Application, day: Day, fetch: Fetch) => {
    const guarded = guardedFetch({ ...optionsOn(day), fetch, ...isAiSdk(application) && { onRefused: "throw" } })
    return { fetch: guarded, open: ({ host }: Served) => guarded.control(host).open("1 minute") }
  },
  preset: (application: Application, day: Day, fetch: Fetch) => {
    if (isAiSdk(application)) {
      const through = guardedModel(optionsOn(day))
      return { fetch, through, open: () => through.middleware.control(target).open("1 minute") }
    }
    const guarded = guard.openai({ ...optionsOn(day), fetch })
    return { ...guarded, open: ({ host }: Served) => guarded.fetch.control(host).open("1 minute") }
  }
}

interface Prepared {
  readonly fetch: typeof fetch
  readonly maxRetries?: number
  readonly through?: Application
  readonly open: (provider: Served) => void
}

/** The requests of a client, what it has waited between them, and what it got. */
const cellOf = async (application: Application, day: Day, way: keyof typeof ways, how: "whole" | "streamed") => {
  let requests = 0
  const counting: Fetch = (...asked) => {
    requests++
    return fetch(...asked)
  }
  const { fetch: given, maxRetries, open, through = application }: Prepared = ways[way](application, day, counting)
  // It has no time-out of its own, and waits for ever.
  if (day === "no answer" && way === "bare" && isAiSdk(application)) return "never ends"
  await using provider = await served(days[day])
  if (day === "the circuit is open") open(provider)
  const { result: { error, text }, waited } = await noting(() =>
    through[how]({
      baseURL: `${provider.url}/v1`,
      apiKey: "sk-test",
      model: "m",
      fetch: given,
      ...maxRetries !== undefined && { maxRetries },
      ...day === "no answer" && way === "bare" && { timeout }
    })
  )
  const got = error === undefined
    ? text === "Good day" ? "the answer" : "half an answer as if it were whole"
    : text === ""
    ? statusOf(error) ?? (day === "no answer" ? "a time-out" : "an error")
    : "half an answer and an error"
  return `${requests}, ${waited / 1000} s: ${got}`
}

const rowOf = async (application: Application, day: Day): Promise<ReadonlyArray<string>> => {
  const row: Array<string> = [day, application.name]
  for (const way of Object.keys(ways) as Array<keyof typeof ways>) {
    const streamed = await cellOf(application, day, way, "streamed")
    if (day !== "a stream is cut") {
      assert.strictEqual(await cellOf(application, day, way, "whole"), streamed, `${application.name}, ${day}, ${way}`)
    }
    row.push(streamed)
  }
  return row
}

const page = join(import.meta.dirname, "..", "..", "..", "..", "docs", "fetch.md")

/** The rows of the table of a page that begins with this head. */
const tableIn = (text: string, head: string): ReadonlyArray<ReadonlyArray<string>> => {
  const lines = text.slice(text.indexOf(head)).split("\n")
  const rows = lines.slice(0, lines.findIndex((line) => !line.startsWith("|"))).slice(2)
  return rows.map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()))
}

describe("clients behind a guarded fetch", () => {
  it("ask as often, wait as long, and get what the page says", async () => {
    const rows: Array<ReadonlyArray<string>> = []
    for (const day of Object.keys(days) as Array<Day>) {
      for (const application of applications) rows.push(await rowOf(application, day))
    }
    const table = rows.map((row) => `| ${row.join(" | ")} |`).join("\n")
    assert.deepStrictEqual(tableIn(readFileSync(page, "utf8"), "| The day "), rows, `The table is:\n${table}\n`)
  }, 120_000)
})
