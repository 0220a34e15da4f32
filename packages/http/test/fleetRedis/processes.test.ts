/** A fleet of twenty processes, of which half are killed in the middle of a bad night, and started again. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { until } from "../../../core/test/cluster/fleet.ts"
import { redisOnPort } from "../../../core/test/support/redisProcess.ts"
import { bundled } from "../support/bundled.ts"
import { withRedis } from "./fleet.ts"
import type { Order, Report, Told } from "./nodeProcess.ts"

const count = 20

/** Milliseconds, as all others. The time-out is no claim about the machine. */
const timeout = 400

const openFor = 1000

/** A probe takes no longer, and after this and two time-outs the fleet takes the node that held it for gone. */
const probeWait = 3000

const perSecond = 100

/** How often each node calls: all together ask for four times the limit. */
const every = 50

const now = (): number => Number(process.hrtime.bigint()) / 1e6

/** The target of all nodes. */
const target = Effect.gen(function*() {
  const seen = { answers: "well" as "well" | "ill" | "hang", calls: Array.from({ length: count }, () => 0) }
  /** Probes that are not answered. */
  const hanging: Array<{ readonly node: number; readonly response: ServerResponse }> = []
  const server = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer((request, response) => {
        const [, index, state] = request.url!.split("/")
        const node = Number(index)
        seen.calls[node]!++
        // A call that was begun before its node opened may come after the node has said that it is open.
        if (seen.answers === "hang" && state === "HalfOpen") hanging.push({ node, response })
        else response.writeHead(seen.answers === "well" ? 200 : 503).end()
      }).listen(0, "127.0.0.1")
      await once(server, "listening")
      return server
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
  return { seen, hanging, port: (server.address() as AddressInfo).port }
})

interface NodeProcess {
  readonly index: number
  readonly child: ChildProcess
  readonly order: (order: Order) => void
  readonly seen: {
    /** The state in which it joined. */
    joined?: string
    state?: string
    /** What became of its first call. */
    first?: string | null
    nodes: number
    readonly passed: Array<number>
  }
}

/** In one file: thirty processes read it. */
const program = await bundled(join(import.meta.dirname, "nodeProcess.ts"))

const nodeProcess = (told: Told) =>
  Effect.acquireRelease(
    Effect.sync((): NodeProcess => {
      const child = fork(program, [JSON.stringify(told)], {
        execArgv: ["--max-semi-space-size=2"],
        stdio: ["ignore", "ignore", "inherit", "ipc"]
      })
      const seen: NodeProcess["seen"] = { nodes: 0, passed: [] }
      child.on("message", (report: Report) => {
        switch (report._tag) {
          case "joined":
            seen.joined = seen.state = report.state
            break
          case "called":
            seen.first = report.error
            break
          case "changed":
            seen.state = report.to
            break
          case "passed":
            seen.passed.push(report.at)
            break
          case "nodes":
            seen.nodes = report.count
        }
      })
      return { index: told.index, child, seen, order: (order) => void child.send(order) }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

const is = (what: string, condition: () => boolean) =>
  until(Effect.sync(condition)).pipe(Effect.catchTag("TimeoutError", () => Effect.die(new Error(`Not so: ${what}.`))))

const killed = ({ child }: NodeProcess) =>
  Effect.promise(async () => {
    const exit = once(child, "exit")
    child.kill("SIGKILL")
    await exit
  })

withRedis(
  "a fleet of processes is tried on a real server",
  () =>
    describe("twenty processes, of which half are killed while they hold probes and booked turns", () => {
      it.live(
        "close their circuit, have the whole limit, and begin again with what the others know",
        () =>
          Effect.gen(function*() {
            const { port } = yield* redisOnPort()
            const { hanging, port: targetPort, seen } = yield* target
            const started = (index: number) =>
              nodeProcess({ redis: port, target: targetPort, index, timeout, openFor, probeWait, perSecond })
            const nodes = yield* Effect.forEach(Array.from({ length: count }, (_, i) => i), started)
            yield* is("all join closed", () => nodes.every(({ seen }) => seen.joined === "Closed"))
            for (const { order } of nodes) order({ _tag: "begin", every })
            yield* is("the first calls succeed", () => nodes.every(({ seen }) => seen.first === null))
            yield* is("each knows all others", () => nodes.every(({ seen }) => seen.nodes === count))

            seen.answers = "ill"
            yield* is("all are open", () => nodes.every(({ seen }) => seen.state === "Open"))
            // No call reaches the target from now on but the probes of the fleet.
            seen.answers = "hang"
            yield* is("the fleet probes", () => hanging.length === 5)
            const holders = [...new Set(hanging.map(({ node }) => nodes[node]!))]
            const others = nodes.filter((node) => !holders.includes(node))
            // Of five probes, the two that are left do not decide.
            const victims = [...holders.slice(0, 3), ...others.slice(0, count / 2 - 3)]
            const left = nodes.filter((node) => !victims.includes(node))
            yield* Effect.forEach(victims, killed, { concurrency: "unbounded" })
            const diedAt = now()
            seen.answers = "well"
            for (const { response } of hanging) response.writeHead(200).end()

            yield* is("those left are closed", () => left.every(({ seen }) => seen.state === "Closed"))
            // And what a machine with other work adds.
            assert.isBelow(now() - diedAt, probeWait + 2 * timeout + 3000)

            // What the dead had booked is nobody's, and what they would have booked is for the others.
            yield* is("those left know of no other", () => left.every(({ seen }) => seen.nodes === count / 2))
            yield* is("five seconds are over", () => now() - diedAt > 5000)
            const passed = left.flatMap(({ seen }) => seen.passed).filter((at) =>
              at - diedAt > 1000 && at - diedAt <= 5000
            )
            assert.isAtLeast(passed.length, 0.85 * 4 * perSecond)

            left[0]!.order({ _tag: "trip", millis: 60_000 })
            yield* is("all that are left are tripped", () => left.every(({ seen }) => seen.state === "Open"))
            const callsOf = (processes: ReadonlyArray<NodeProcess>) => processes.map(({ index }) => seen.calls[index]!)
            const before = callsOf(victims)
            const again = yield* Effect.forEach(victims, ({ index }) => started(index))
            yield* is("the others are back", () => again.every(({ seen }) => seen.joined !== undefined))
            assert.deepStrictEqual(again.map(({ seen }) => seen.joined), again.map(() => "Open"))
            for (const { order } of again) order({ _tag: "begin", every })
            yield* is(
              "those that are back call",
              () => again.every(({ seen }) => seen.first !== undefined && seen.passed.length > 0)
            )
            assert.deepStrictEqual(again.map(({ seen }) => seen.first), again.map(() => "CircuitOpen"))
            assert.deepStrictEqual(callsOf(victims), before, "none of their calls has reached the target")
            yield* is("all know each other", () => [...left, ...again].every(({ seen }) => seen.nodes === count))
          }).pipe(Effect.scoped),
        120_000
      )
    })
)
