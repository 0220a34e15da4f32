/**
 * The process of one node: it builds the guards that it is told to, plays the nights, and tells what came of them. It plays all
 * nights of the command one after the other, since it takes longer to start than anything else.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import { rmSync } from "node:fs"
import { flushCompileCache } from "node:module"
import type { Estate, Order, Report } from "../messages.ts"
import { prepare, type Ready } from "./play.ts"

// What is told to a terminal reaches all its processes: the command ends this one.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {})

/** Nobody hears it where the command is gone: that is no error, since `disconnect` comes as well. */
const tell = (report: Report): void => void process.send!(report, () => {})

let estate = JSON.parse(process.argv[2]!) as Estate
let scope: Scope.Closeable | undefined
let nights: ReadonlyArray<Ready> = []

// The command was killed, and could not end anything.
process.on("disconnect", () => {
  for (const pid of estate.pids) {
    try {
      process.kill(pid, "SIGKILL")
    } catch {
      // It has ended already.
    }
  }
  for (const folder of estate.folders) rmSync(folder, { recursive: true, force: true })
  process.exit(1)
})

const closed = Effect.suspend(() => scope === undefined ? Effect.void : Scope.close(scope, Exit.void))

const follow = (order: Order): Effect.Effect<void, unknown> => {
  switch (order._tag) {
    case "inherit":
      return Effect.sync(() => {
        estate = order.estate
      })
    case "prepare":
      return Effect.gen(function*() {
        yield* closed
        scope = yield* Scope.make()
        nights = yield* Scope.provide(
          Effect.forEach(
            order.parts,
            (part) => prepare(part, (change) => tell({ _tag: "changed", night: part.name, change })),
            {
              concurrency: "unbounded"
            }
          ),
          scope
        )
        tell({ _tag: "prepared" })
      })
    case "play":
      return Effect.gen(function*() {
        const played = yield* Effect.forEach(nights, (night) => night(order.startsAt), { concurrency: "unbounded" })
        tell({ _tag: "played", nights: played })
      })
  }
}

/** What is at the bottom of an error. */
const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message || error.name : reasonOf(error.cause)
}

process.on("message", (order: Order) =>
  Effect.runCallback(
    // What a client says of a Redis that is stopped, and a node of its fleet, is no news here.
    Effect.provide(follow(order), Logger.layer([])),
    {
      onExit: (exit) => {
        if (Exit.isFailure(exit)) tell({ _tag: "failed", message: reasonOf(Cause.squash(exit.cause)) })
      }
    }
  ))

// Those that start after this one have it half as far.
flushCompileCache()
tell({ _tag: "ready" })
