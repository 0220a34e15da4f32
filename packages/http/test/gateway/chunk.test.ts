/** What an exchange writes piece by piece is what its client reads, whatever the pieces are and however they fall into turns. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Random } from "effect"
import { createServer } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { vi } from "vitest"

const { ConnectionExchange } = await vi.importActual<typeof import("../../src/gateway/server/connectionExchange.ts")>(
  "../../src/gateway/server/connectionExchange.ts"
)

type Piece = string | Uint8Array

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Pieces of one answer, in the turns in which they are written. */
type Answer = ReadonlyArray<ReadonlyArray<Piece>>

const bytesOf = (answer: Answer): Buffer => Buffer.concat(answer.flat().map((piece) => Buffer.from(piece as string)))

/** Serves these answers to one request each, and gives all that a client with one connection reads. */
const served = async (
  answers: ReadonlyArray<Answer>,
  version: "0.9" | "1.0" | "1.1",
  reader: "fast" | "slow"
): Promise<Buffer> => {
  const left = [...answers]
  const server = createServer(async (request, response) => {
    const answer = left.shift()!
    const exchange = new ConnectionExchange(request, response, "id", () => 0)
    exchange.beginStream({})
    for (const [i, pieces] of answer.entries()) {
      if (i === answer.length - 1) {
        exchange.end(pieces.map((piece) => Buffer.from(piece as string).toString()).join(""))
        break
      }
      for (const piece of pieces) {
        if (!exchange.writes(piece)) await Effect.runPromise(exchange.readBy(Duration.minutes(1)))
      }
      await turn()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  const socket = connect({ port, host: "127.0.0.1" })
  const asking = `POST / HTTP/${version}\r\nhost: x\r\ncontent-length: 0\r\n`
  socket.write(
    answers.map((_, i) => `${asking}${i === answers.length - 1 ? "connection: close\r\n" : ""}\r\n`).join("")
  )
  const read: Array<Buffer> = []
  for await (const piece of socket) {
    read.push(piece as Buffer)
    if (reader === "slow") await turn()
  }
  server.close()
  return Buffer.concat(read)
}

/** The bodies of the answers in what was read. */
const bodiesOf = (read: Buffer): ReadonlyArray<Buffer> => {
  const bodies: Array<Buffer> = []
  let at = 0
  while (at < read.length) {
    const end = read.indexOf("\r\n\r\n", at)
    const head = read.toString("latin1", at, end).toLowerCase()
    assert.match(head, /^http\/1\.1 200 /)
    at = end + 4
    if (!head.includes("transfer-encoding: chunked")) {
      const length = /content-length: (\d+)/.exec(head)?.[1]
      const size = length === undefined ? read.length - at : Number(length)
      bodies.push(read.subarray(at, at += size))
      continue
    }
    const chunks: Array<Buffer> = []
    for (;;) {
      const line = read.indexOf("\r\n", at)
      const size = Number.parseInt(read.toString("latin1", at, line), 16)
      assert.isTrue(size >= 0, "a chunk has its size")
      chunks.push(read.subarray(line + 2, line + 2 + size))
      assert.strictEqual(read.toString("latin1", line + 2 + size, line + 4 + size), "\r\n")
      at = line + 4 + size
      if (size === 0) break
    }
    bodies.push(Buffer.concat(chunks))
  }
  return bodies
}

const someText = (size: number) =>
  Effect.map(Random.nextIntBetween(0, 4), (kind) =>
    kind === 0
      ? "data: 订单已发出 👋🏽\n\n".repeat(size)
      : kind === 1
      ? "é".repeat(size)
      : kind === 2
      ? Buffer.from("data: {\"a\":\"世\"}\n\n".repeat(size))
      : new Uint8Array(Array.from({ length: size }, (_, i) => i % 256)))

const aPiece: Effect.Effect<Piece> = Effect.flatMap(Random.nextIntBetween(0, 12), (kind) =>
  kind === 0
    ? someText(5000)
    : Effect.flatMap(Random.nextIntBetween(1, 40), someText))

const several = <A>(some: Effect.Effect<A>, from: number, to: number) =>
  Effect.flatMap(Random.nextIntBetween(from, to), (count) => Effect.all(Array.from({ length: count }, () => some)))

const anAnswer: Effect.Effect<Answer> = Effect.map(
  Effect.all([several(several(aPiece, 0, 5), 0, 8), several(Effect.succeed("data: [DONE] 完\n\n"), 0, 2)]),
  ([turns, last]) => [...turns, last]
)

describe("an answer that is written piece by piece", () => {
  for (let seed = 0; seed < 60; seed++) {
    it.effect(`is read byte by byte as it was written, by clients of all versions, slow ones, and in its place (seed ${seed})`, () =>
      Effect.gen(function*() {
        const isOld = seed % 4 === 0
        const answers = isOld ? [yield* anAnswer] : yield* several(anAnswer, 1, 4)
        const read = yield* Effect.promise(() =>
          served(answers, isOld ? seed % 8 === 0 ? "0.9" : "1.0" : "1.1", seed % 3 === 0 ? "slow" : "fast")
        )
        assert.deepStrictEqual(
          bodiesOf(read).map((body) => body.toString("latin1")),
          answers.map((answer) => bytesOf(answer).toString("latin1"))
        )
      }).pipe(Random.withSeed(seed)))
  }

  it.effect("says in one chunk what is said in one turn", () =>
    Effect.gen(function*() {
      const read = yield* Effect.promise(() =>
        served([[["a"], ["b", "世", new Uint8Array([99])], ["d"]]], "1.1", "fast")
      )
      assert.include(read.toString(), "\r\n1\r\na\r\n5\r\nb世c\r\n1\r\nd\r\n0\r\n\r\n")
    }))

  it.effect("goes on when a client that has stopped reading reads again", () =>
    Effect.promise(async () => {
      let sent = 0
      let goOn = () => {}
      const isFull = new Promise<void>((resolve) => goOn = resolve)
      const server = createServer(async (request, response) => {
        const exchange = new ConnectionExchange(request, response, "id", () => 0)
        exchange.beginStream({})
        const piece = "é".repeat(4000)
        for (let full = 0; full < 3;) {
          sent += Buffer.byteLength(piece)
          if (exchange.writes(piece)) continue
          full++
          const read = Effect.runPromise(exchange.readBy(Duration.minutes(1)))
          goOn()
          await read
        }
        exchange.end()
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const socket = connect((server.address() as AddressInfo).port, "127.0.0.1")
      socket.write("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
      await isFull
      const read: Array<Buffer> = []
      for await (const piece of socket) read.push(piece as Buffer)
      server.close()
      assert.deepStrictEqual(bodiesOf(Buffer.concat(read)).map(({ length }) => length), [sent])
    }))

  it.effect("goes on for a client that takes a large piece slowly, for as long as it takes something", () =>
    Effect.promise(async () => {
      const large = Buffer.alloc(40_000_000, "é")
      const server = createServer(async (request, response) => {
        const exchange = new ConnectionExchange(request, response, "id", () => 0)
        exchange.beginStream({})
        exchange.writes("begin")
        if (!exchange.writes(large)) await Effect.runPromise(exchange.readBy(Duration.millis(500)))
        exchange.end("end")
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const socket = connect((server.address() as AddressInfo).port, "127.0.0.1")
      socket.write("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
      const read: Array<Buffer> = []
      for await (const piece of socket) {
        read.push(piece as Buffer)
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      server.close()
      assert.deepStrictEqual(bodiesOf(Buffer.concat(read)).map(({ length }) => length), [large.length + 8])
    }))

  it.effect("is over at its end: what is written after that is in no other answer", () =>
    Effect.promise(async () => {
      const server = createServer((request, response) => {
        const exchange = new ConnectionExchange(request, response, "id", () => 0)
        exchange.beginStream({})
        exchange.writes("a")
        // More than a connection takes at once: the end is still to be sent when something is written after it.
        for (let i = 0; i < 1000; i++) exchange.writes("b".repeat(10_000))
        exchange.end("c")
        exchange.writes("late")
        setImmediate(() => exchange.writes("later"))
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const socket = connect((server.address() as AddressInfo).port, "127.0.0.1")
      const asking = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n"
      socket.write(`${asking}\r\n${asking}connection: close\r\n\r\n`)
      const read: Array<Buffer> = []
      for await (const piece of socket) read.push(piece as Buffer)
      server.close()
      const whole = `a${"b".repeat(10_000_000)}c`
      assert.deepStrictEqual(bodiesOf(Buffer.concat(read)).map((body) => body.toString() === whole), [true, true])
    }))
})
