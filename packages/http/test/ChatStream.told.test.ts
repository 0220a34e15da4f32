/** A stream that is told in the step in which it comes. That it says the same is asserted wherever a tap is: see `support/tapped.ts`. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { assertTellsAlike } from "./support/told.ts"

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 300)

/** Stands for a byte that is no UTF-8. */
const broken = "\uE000"

/** Texts as they stand in JSON: plain, escaped, of several bytes, with what ends an event, and none at all. */
const texts = [
  ..."a| word|\\n|\\\"|\\\\|\\\\\\|\\u00e9|\\x|\\|\"|世界|\uFEFF|}|".split("|"),
  "\n",
  "\n\n",
  "\t",
  `a${broken}`
]

const Event = Schema.Struct({
  text: Schema.Union([Schema.Literals(texts), Schema.Literals(["a", " word", "世界"]), Schema.String]),
  field: Schema.Literals(["content", "content", "content", "content", "reasoning_content", "refusal"]),
  end: Schema.Literals(["null", "null", "null", "null", "null", "\"stop\""]),
  /** Against eavesdroppers. */
  padding: Schema.UndefinedOr(Schema.Literals(["x", "", "\\n", "世", `a${broken}`])),
  /** Where its bytes are cut, in thousandths; nearly none is. */
  cut: Schema.Literals([0, 0, 0, 0, 0, 0, 500, 990]),
  /** Whether the next event comes with it. */
  joined: Schema.Literals(["apart", "apart", "with the next"])
})
type Event = typeof Event.Type

const word = (text: string, padding?: "x" | ""): Event => ({
  text,
  padding,
  field: "content",
  end: "null",
  cut: 0,
  joined: "apart"
})

const piecesOf = (events: ReadonlyArray<Event>): ReadonlyArray<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  let open = Buffer.alloc(0)
  for (const { cut, end, field, joined, padding, text } of events) {
    const choices = `"choices":[{"index":0,"delta":{"${field}":"${text}"},"finish_reason":${end}}]`
    const event = `data: {"id":"c",${choices}${padding === undefined ? "" : `,"obfuscation":"${padding}"`}}\n\n`
    const [before = "", ...behind] = event.split(broken)
    open = Buffer.concat([open, Buffer.from(before), ...behind.flatMap((text) => [Buffer.of(0xff), Buffer.from(text)])])
    if (joined === "with the next") continue
    const at = Math.floor(open.length * cut / 1000)
    if (at > 0) pieces.push(open.subarray(0, at))
    pieces.push(open.subarray(at))
    open = Buffer.alloc(0)
  }
  if (open.length > 0) pieces.push(open)
  return pieces
}

describe("a stream that is told", () => {
  it("is passed on as it came where its events differ in a text alone, and read only later", () => {
    const words = Array.from({ length: 200 }, (_, i) => word(`w${i} 世\\n`))
    // The first one is the first of its kind, and the second one shows that there are others.
    assert.strictEqual(assertTellsAlike(piecesOf(words)), 198)
    const padded = words.map(({ text }, i) => word(text, i % 2 === 0 ? "x" : ""))
    assert.strictEqual(assertTellsAlike(piecesOf(padded)), 198)
  })

  it.effect.prop(
    "says the same as one that is read, piece by piece",
    { events: Schema.Array(Event).check(Schema.isMaxLength(24)), padding: Schema.UndefinedOr(Schema.Literals(["x"])) },
    ({ events, padding }) =>
      Effect.sync(() =>
        void assertTellsAlike(piecesOf([word("a", padding), word("b", padding), word("c", padding), ...events]))
      ),
    { arbitrary: { runs }, timeout: 20_000 + 20 * runs }
  )
})
