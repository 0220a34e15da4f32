/** What a chunk of a streamed answer costs from bytes to `ChatChunk`, and whether a long stream holds more than a short one. */
import { ChatClient, ChatSchema, ChatStream } from "@switchgear/http"
import { Effect, Schema, Stream } from "effect"
import { Sse } from "effect/encoding"
import { HttpClient, HttpClientResponse } from "effect/http"
import { collectGarbage, measure, type Subject } from "../harness.ts"
import { compared, type Row, type Section } from "../section.ts"
import type { Settings } from "../settings.ts"

const words = ["Good", " day", ",", " how", " may", " I", " help", " you", " today", "?"]

/** As OpenAI sends them. */
const events: ReadonlyArray<Uint8Array> = Array.from({ length: 1_000 }, (_, i) => {
  const chunk = {
    id: "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
    object: "chat.completion.chunk",
    created: 1_790_000_000,
    model: "gpt-4.1-2025-04-14",
    service_tier: "default",
    system_fingerprint: "fp_44709d6fcb",
    choices: [{ index: 0, delta: { content: words[i % words.length] }, logprobs: null, finish_reason: null }],
    usage: null,
    obfuscation: "aB3x"
  }
  return new TextEncoder().encode(`data: ${JSON.stringify(chunk)}\n\n`)
})
const last = new TextEncoder().encode("data: [DONE]\n\n")

type Cut = (chunks: number) => Generator<Uint8Array>

/** Each event in a piece of its own, as a socket gives them when a model writes. */
const oneByOne: Cut = function*(chunks) {
  for (let i = 0; i < chunks; i++) yield events[i % events.length]!
  yield last
}

/** Pieces of 16 KiB, cut anywhere, as a socket gives them when the reader was busy. */
const together: Cut = function*(chunks) {
  for (let left = chunks; left > 0; left -= events.length) {
    const all = left < events.length ? Buffer.concat(events.slice(0, left)) : allEvents
    for (let at = 0; at < all.length; at += 16_384) yield all.subarray(at, at + 16_384)
  }
  yield last
}
const allEvents = Buffer.concat(events)

/** An `HttpClient` in memory whose every answer is a stream of so many chunks. */
const httpOf = (cut: Cut, chunks: number): HttpClient.HttpClient =>
  HttpClient.make((request) =>
    Effect.sync(() => {
      const pieces = cut(chunks)
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          const { done, value } = pieces.next()
          if (done) controller.close()
          else controller.enqueue(value)
        }
      }, { highWaterMark: 0 })
      return HttpClientResponse.fromWeb(request, new Response(body))
    })
  )

/** Reads a stream of so many chunks to its end and counts them. */
type Reader = (http: HttpClient.HttpClient) => Effect.Effect<number, unknown>

const body = (http: HttpClient.HttpClient) => HttpClientResponse.stream(http.get("http://provider.test/"))

/** Nothing but the platform's parser and the decoding of UTF-8 that it needs. */
const parsed = (onData: (data: string) => void): Reader => (http) =>
  Effect.suspend(() => {
    const utf8 = new TextDecoder()
    let count = 0
    const parser = Sse.makeParser((event) => {
      if (event._tag === "Retry" || event.data === "[DONE]") return
      onData(event.data)
      count++
    })
    const feed = (bytes: Uint8Array) => parser.feed(utf8.decode(bytes, { stream: true }))
    return Effect.map(
      Stream.runForEachArray(body(http), (pieces) => Effect.sync(() => pieces.forEach(feed))),
      () => count
    )
  })

/** What a user of the platform writes to get chunks that have a type. */
const platformChunks: Reader = (http) =>
  body(http).pipe(
    Stream.decodeText,
    Stream.pipeThroughChannel(Sse.decode()),
    Stream.filter(({ data }) => data !== "[DONE]"),
    Stream.mapEffect(({ data }) => decodeChunk(data)),
    Stream.runCount
  )
const decodeChunk = Schema.decodeUnknownEffect(Schema.fromJsonString(ChatSchema.ChatChunk))

const clientOf = (http: HttpClient.HttpClient) =>
  ChatClient.make({ provider: "openai", baseUrl: "http://provider.test/v1" }).pipe(
    Effect.provideService(HttpClient.HttpClient, http)
  )
const request = { model: "gpt-4.1", messages: [{ role: "user" as const, content: "Hello" }] }

const chunksOfClient: Reader = (http) =>
  Effect.flatMap(clientOf(http), ({ stream }) => Stream.runCount(stream(request)))
const ours = "ChatClient.stream"

const run = (cut: Cut, read: Reader): Subject["run"] => async (chunks) => {
  const count = await Effect.runPromise(read(httpOf(cut, chunks)))
  if (count !== chunks) throw new Error(`A stream of ${chunks} chunks gave ${count}`)
}

const nothing = () => {}

const subjectsOf = (cut: Cut, how: string): ReadonlyArray<Subject> => {
  const bare = `Sse alone, ${how}`
  const platform = `platform, Sse.decode and the schema, ${how}`
  return [
    { name: bare, run: run(cut, parsed(nothing)) },
    { name: `Sse and JSON.parse, ${how}`, over: bare, run: run(cut, parsed(JSON.parse)) },
    { name: platform, over: bare, run: run(cut, platformChunks) },
    { name: `${ours}, ${how}`, over: bare, against: [{ peer: platform }], run: run(cut, chunksOfClient) }
  ]
}

/** The targets are times, which no peer has. */
const inTime = (row: Row): Row =>
  row.what.startsWith(ours)
    ? { ...row, comparisons: [compared("2,000 ns", row.overhead! / 2_000, 1), ...row.comparisons] }
    : row.what.startsWith(tap)
    ? { ...row, comparisons: [compared("1,000 ns", row.value / 1_000, 1), ...row.comparisons] }
    : row

/** What takes in bytes and answers what came of them. */
type Push = (piece: Uint8Array) => ReadonlyArray<unknown>

const head = { provider: "openai", model: "gpt-4.1", status: 200, headers: {} }
const tap = "ChatStream.tap"

/** The same bytes without a client around what reads them, so many events in each piece. */
const readersOf = (together: 1 | 8): ReadonlyArray<Subject> => {
  const pieces = Array.from(
    { length: events.length / together },
    (_, i) => new Uint8Array(Buffer.concat(events.slice(i * together, (i + 1) * together)))
  )
  const texts = events.map((event) => new TextDecoder().decode(event).slice("data: ".length))
  const how = `${together} ${together === 1 ? "event" : "events"} a piece`
  const parse = `JSON.parse alone, ${how}`
  const pushed = (make: () => Push): Subject["run"] => async (chunks) => {
    const push = make()
    let given = 0
    for (let i = 0; i * together < chunks; i++) given += push(pieces[i % pieces.length]!).length
    if (given === 0) throw new Error("Nothing came of the bytes")
  }
  return [
    {
      name: parse,
      run: async (chunks) => {
        for (let i = 0; i < chunks; i++) JSON.parse(texts[i % texts.length]!)
      }
    },
    {
      name: `ChatStream.decoder, ${how}`,
      against: [{ peer: parse }],
      run: pushed(() => ChatStream.decoder(head).push)
    },
    { name: `${tap}, ${how}`, against: [{ peer: parse }], run: pushed(() => ChatStream.tap(head).push) }
  ]
}

/** Megabytes reachable, in V8's heap and in the buffers beside it. */
const megabytes = (): number => {
  collectGarbage()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / 1e6
}

/** The megabytes in use while one stream is read, when so many chunks of it have been, for each of the counts. */
const weigh = async (counts: ReadonlyArray<number>): Promise<ReadonlyArray<number>> => {
  const weights: Array<number> = []
  let read = 0
  const reading = Effect.flatMap(
    clientOf(httpOf(oneByOne, Math.max(...counts))),
    ({ stream }) =>
      Stream.runForEach(stream(request), () =>
        Effect.sync(() => {
          if (++read === counts[weights.length]) weights.push(megabytes())
        }))
  )
  await Effect.runPromise(reading)
  return weights
}

const memory = async (mode: Settings["mode"]): Promise<ReadonlyArray<Row>> => {
  const counts = [10_000, mode === "full" ? 1_000_000 : 100_000]
  const nameOf = (count: number) => `heap while ${ours} is read, after ${count.toLocaleString("en-US")} chunks`
  const weights = await weigh(counts)
  return counts.map((count, i) => ({
    what: nameOf(count),
    unit: "MB",
    value: weights[i]!,
    comparisons: i === 0 ? [] : [compared(nameOf(counts[0]!), weights[i]! / weights[0]!, 1.02)]
  }))
}

export const streaming = async (settings: Settings): Promise<Section> => {
  // Longer batches: each is one stream, which should have about as many chunks as a long answer.
  const patient = { ...settings, batchMillis: settings.batchMillis * 10, rounds: Math.ceil(settings.rounds / 6) }
  const rows = await measure(patient, [
    ...subjectsOf(oneByOne, "one event a piece"),
    ...subjectsOf(together, "pieces of 16 KiB"),
    ...readersOf(1),
    ...readersOf(8)
  ])
  return {
    title: "Streaming: a chunk of an answer, in streams of some 10,000",
    notes: [
      "All read the same bytes, from the same HttpClient in memory. Sse alone is the platform's parser behind a TextDecoder and parses no JSON: what JSON.parse takes is within the target.",
      "ChatStream.decoder and ChatStream.tap get the bytes without a client around them; their time is all of it.",
      "The heap is weighed after a collection, in the middle of one stream with an event a piece. One byte kept of each chunk would be a megabyte in the end."
    ],
    rows: [...rows.map(inTime), ...await memory(settings.mode)]
  }
}
