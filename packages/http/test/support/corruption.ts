import { Schema } from "effect"
import { rows } from "./errorTable.ts"
import * as Streamed from "./streamed.ts"

const few = (min: number, max: number) => [Schema.isMinLength(min), Schema.isMaxLength(max)] as const
const within = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** A place in something, whatever its length. */
const Place = within(0, 2 ** 30)
const at = (place: number, length: number): number => length === 0 ? 0 : place % length

const deep = (open: string, inside: string, close: string, depth = 3000): unknown =>
  JSON.parse(open.repeat(depth) + inside + close.repeat(depth))

/** What nobody expects in the place of a value. */
const odd: ReadonlyArray<unknown> = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e300,
  2 ** 53,
  "",
  " ",
  "0",
  "null",
  "\ud800",
  "\u0000\u202e\ufeff",
  "stop",
  "error",
  "x".repeat(20_000),
  "*".repeat(5000),
  [],
  {},
  [[]],
  [null],
  [{ text: 7 }, "x", { text: "y" }],
  { length: 1e9 },
  { message: {}, code: [], type: 7, details: [null, { retryDelay: -1, violations: {} }], status: "UNAVAILABLE" },
  { toString: null, valueOf: 1, toJSON: "x" },
  JSON.parse("{\"__proto__\":{\"polluted\":true},\"constructor\":{\"prototype\":{\"polluted\":true}}}"),
  deep("[", "1", "]"),
  deep("{\"a\":", "\"b\"", "}")
]

const keys = ["error", "choices", "delta", "message", "content", "tool_calls", "usage", "__proto__", "toJSON", "0", ""]

/** JSON of another type than it should have, somewhere. */
const Confusion = Schema.Struct({
  event: Place,
  path: Schema.Array(Place).check(...few(0, 7)),
  how: Schema.Literals(["replace", "remove", "wrap", "rename", "add"]),
  odd: Place,
  key: Place
})
type Confusion = typeof Confusion.Type

const confuse = (json: unknown, { how, key, odd: value, path }: Confusion): unknown => {
  const root: { json?: unknown } = json === undefined ? {} : { json: JSON.parse(JSON.stringify(json)) }
  let holder: any = root
  let field: string = "json"
  for (const step of path) {
    const inner = holder[field]
    const fields = typeof inner === "object" && inner !== null ? Object.keys(inner) : []
    if (fields.length === 0) break
    holder = inner
    field = fields[at(step, fields.length)]!
  }
  const named = keys[at(key, keys.length)]!
  const put = (holder: object, field: string, value: unknown) =>
    Object.defineProperty(holder, field, { value, configurable: true, enumerable: true, writable: true })
  const before = holder[field]
  if (how === "remove" || how === "rename") delete holder[field]
  if (how === "rename") put(holder, named, before)
  if (how === "wrap") put(holder, field, [before])
  if (how === "replace") put(holder, field, odd[at(value, odd.length)])
  if (how === "add")
    put(typeof before === "object" && before !== null ? before : holder, named, odd[at(value, odd.length)])
  return root.json
}

const text = (written: string): Uint8Array => new TextEncoder().encode(written)
const utf16 = (written: string): Uint8Array => new Uint8Array(Uint16Array.from(written, (c) => c.charCodeAt(0)).buffer)

/** What is never in the right place. */
const garbage: ReadonlyArray<Uint8Array> = [
  ...[
    "\n",
    "\n\n",
    "\r",
    "\r\n",
    "\r\n\r",
    "\u0000",
    "\ufeff",
    "\u2028",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    ",",
    ":",
    "1e999",
    "-",
    "9".repeat(400),
    "\\ud800",
    "\\u0000",
    "null",
    "data: ",
    "data:",
    "event: error\n",
    "id: 1\n",
    "retry: 99999999999999999999\n",
    "data: [DONE]\n\n",
    "data: {}\n\n",
    "\n{\"error\":",
    "{\"error\":{\"message\":\"try again in 1e9s\",\"code\":\"rate_limit_exceeded\"}}",
    "<!doctype html><title>x</title>",
    "[".repeat(5000),
    "{\"a\":".repeat(5000),
    " ".repeat(70_000)
  ].map(text),
  utf16("{\"choices\":[]}"),
  Uint8Array.of(0xff, 0xfe),
  Uint8Array.of(0xed, 0xa0, 0x80),
  Uint8Array.of(0xf0, 0x9f),
  Uint8Array.of(0xc3),
  Uint8Array.of(0x1f, 0x8b, 0x08, 0x00)
]

/** Bytes that were lost, repeated, changed or added on the way. */
const Damage = Schema.Struct({
  how: Schema.Literals(["flip", "cut", "remove", "repeat", "insert", "end"]),
  at: Place,
  length: within(1, 300),
  other: Place
})
type Damage = typeof Damage.Type

const damage = (all: Uint8Array, { at: place, how, length, other }: Damage): Uint8Array => {
  const from = at(place, all.length + 1)
  const before = all.subarray(0, from)
  const after = all.subarray(from)
  const joined = (...parts: ReadonlyArray<Uint8Array>) => new Uint8Array(Buffer.concat(parts))
  switch (how) {
    case "flip":
      return joined(before, after.subarray(0, 1).map((byte) => byte ^ (1 << other % 8)), after.subarray(1))
    case "cut":
      return before
    case "remove":
      return joined(before, after.subarray(length))
    case "repeat":
      return joined(before, after.subarray(0, length), after)
    case "insert":
      return joined(before, garbage[at(other, garbage.length)]!, after)
    case "end":
      return joined(all, garbage[at(other, garbage.length)]!)
  }
}

/** Events that come in another order, again, not at all, or with an error among them. */
const Disorder = Schema.Struct({
  how: Schema.Literals(["swap", "repeat", "drop", "error"]),
  at: Place,
  other: Place
})
type Disorder = typeof Disorder.Type

const disorder = (events: ReadonlyArray<unknown>, { at: place, how, other }: Disorder): ReadonlyArray<unknown> => {
  if (events.length === 0) return events
  const i = at(place, events.length)
  const j = at(other, events.length)
  switch (how) {
    case "swap":
      return events.map((event, k) => k === i ? events[j] : k === j ? events[i] : event)
    case "repeat":
      return events.toSpliced(j, 0, events[i])
    case "drop":
      return events.toSpliced(i, 1)
    case "error":
      return events.toSpliced(i, 0, errors[at(other, errors.length)])
  }
}

const errors = rows.map(({ body }) => body).filter((body) => typeof body === "object")

const lies = [
  "",
  "0",
  "-1",
  "NaN",
  "1e999",
  "99999999999999999999",
  "1h1h1h",
  "1µs",
  ".".repeat(5000),
  "Thu, 99 Foo 0000 99:99:99 GMT",
  "Mon",
  "chunked, gzip",
  "text/event-stream; charset=utf-16",
  "application/json",
  "text/html",
  "false",
  "true",
  "\ud800",
  "https://example.com/"
]

/** Headers that are wrong or say nothing. */
const Lie = Schema.Struct({
  name: Schema.Literals([
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "retry-after",
    "retry-after-ms",
    "x-ms-retry-after-ms",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "x-should-retry",
    "x-request-id",
    "location",
    "set-cookie",
    "__proto__"
  ]),
  value: Schema.Union([within(0, lies.length - 1), Schema.String])
})

const Good = Schema.Literal(200)
const Status = Schema.Union([
  Good,
  Good,
  Good,
  Schema.Literals([201, 299, 302, 400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 498, 499, 500, 501, 503, 529, 599])
])

const Closed = Schema.Literal("closed")
const Answer = Schema.Literal("answer")

/** A response that was good before it was corrupted. */
export const Corruption = Schema.Struct({
  status: Status,
  lies: Schema.Array(Lie).check(Schema.isMaxLength(4)),
  said: Streamed.Said,
  dialect: Streamed.Dialect,
  /** What the body is made of: the answer, an error, or anything. */
  body: Schema.Union([Answer, Answer, Answer, Answer, Place, Schema.String]),
  confusions: Schema.Array(Confusion).check(Schema.isMaxLength(3)),
  disorders: Schema.Array(Disorder).check(Schema.isMaxLength(2)),
  damages: Schema.Array(Damage).check(Schema.isMaxLength(2)),
  sizes: Streamed.Sizes,
  end: Schema.Union([Closed, Closed, Closed, Closed, Schema.Literals(["broken", "silent"])])
})
export type Corruption = typeof Corruption.Type

export interface Corrupt {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly pieces: ReadonlyArray<Uint8Array>
  /** Whether the connection ends after the pieces, breaks, or stays open. */
  readonly end: "closed" | "broken" | "silent"
}

const bodyOf = ({ body, confusions, said }: Corruption): Uint8Array => {
  if (typeof body === "string" && body !== "answer") return text(body)
  const json = typeof body === "number" ? errors[at(body, errors.length)] : Streamed.reply(said)
  return text(JSON.stringify(confusions.reduce(confuse, json)) ?? "")
}

/** The response to a request without `stream`. */
export const whole = (corruption: Corruption): Corrupt => response(corruption, bodyOf(corruption))

/** The same as bytes on a socket, where what was corrupted may be the head. */
export const raw = (corruption: Corruption): Uint8Array => {
  const body = bodyOf(corruption)
  const fields = Object.entries(headersOf(corruption)).map(([name, value]) => `${name}: ${value}\r\n`).join("")
  const head = `HTTP/1.1 ${corruption.status} Whatever\r\n${fields}`
  const framed = corruption.said.usage === "none"
    ? [text(`${head}content-length: ${body.length}\r\n\r\n`), body]
    : [text(`${head}transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`), body, text("\r\n0\r\n\r\n")]
  return corruption.damages.reduce(damage, new Uint8Array(Buffer.concat(framed)))
}

/** The response to a request with it. */
export const streamed = (corruption: Corruption): Corrupt => {
  const { body, confusions, dialect, disorders, said } = corruption
  if (body !== "answer") return whole(corruption)
  const events = confusions.reduce<ReadonlyArray<unknown>>(
    (events, confusion) =>
      events.map((event, i) => i === at(confusion.event, events.length) ? confuse(event, confusion) : event),
    disorders.reduce(disorder, Streamed.chunks(said))
  )
  return response(corruption, Streamed.written(events.filter((event) => event !== undefined), dialect))
}

const response = (corruption: Corruption, body: Uint8Array): Corrupt => {
  const bytes = corruption.damages.reduce(damage, body)
  // A body that was made long comes in larger pieces, or its test would take a minute.
  const scale = Math.max(1, Math.ceil(bytes.length / 1024))
  return {
    status: corruption.status,
    headers: headersOf(corruption),
    pieces: Streamed.pieces(bytes, corruption.sizes.map((size) => size * scale)),
    end: corruption.end
  }
}

const headersOf = (corruption: Corruption): Readonly<Record<string, string>> =>
  Object.fromEntries(
    corruption.lies.map(({ name, value }) => [name, typeof value === "number" ? lies[value]! : value])
  )
