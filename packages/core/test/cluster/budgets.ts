/** A budget of a fleet in virtual time: what calls cost, what is refused, what is spent in the end, and what the store is asked for. */
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { type BudgetShare, CurrentBudgetFleet } from "@switchgear/core/runtime"
import { VirtualClock } from "@switchgear/core/testing"
import { Clock, Context, Effect, Layer, Random, Scope } from "effect"
import { vi } from "vitest"
import { quietFor } from "./limits.ts"

const { MemoryTable } = await vi.importActual<typeof import("../../src/clusterStore/memoryTable.ts")>(
  "../../src/clusterStore/memoryTable.ts"
)

/** What becomes of a message: it is answered, refused, counts late, or its answer never comes although it counts. */
export type Way = "answers" | "refuses" | "hangs" | "late" | "loses"

export interface Plan {
  readonly nodes: number
  readonly seed: string
  /** In milliseconds. */
  readonly until: number
  readonly limit: number
  /** Calls a second of a node. */
  readonly demand: (at: number, node: number) => number
  /** When a node that nobody calls may be called next. @default it is looked at every 50 ms */
  readonly quietUntil?: (at: number, node: number) => number
  readonly options?: Cluster.Options
  /** The length of a window, in milliseconds. @default one for all */
  readonly window?: number
  /** By how much the clock of a node is ahead, in milliseconds. */
  readonly skew?: (node: number) => number
  /** What a call reserves. @default 10 to 100,000, most of them small */
  readonly cost?: (share: number) => number
  /** What a call spends of what it has reserved. @default 0.2 to 1.5 of it */
  readonly used?: (share: number) => number
  /** Nodes that die at a time without a word. */
  readonly dies?: { readonly at: number; readonly nodes: number }
  /** @default "answers" */
  readonly way?: (at: number, node: number, share: number) => Way
  /** The store begins again: with nothing, or with what it had so many milliseconds before. */
  readonly restarts?: { readonly at: number; readonly copyOf?: number }
  /** Calls that are interrupted within 50 ms, as a share of all. */
  readonly interrupted?: number
}

/** What became of one window. */
export interface Window {
  readonly name: string
  /** When a call was refused first, and what was spent and reserved by then. */
  readonly refusedAt: number | undefined
  readonly usedBefore: number
  /** What calls have spent, also those of nodes that have died. */
  readonly spent: number
  /** The most that was spent and reserved at once. */
  readonly most: number
  /** What calls have spent above their reservations. */
  readonly excess: number
  readonly passed: number
  readonly refused: number
}

export interface Told {
  readonly windows: ReadonlyArray<Window>
  readonly calls: number
  readonly messages: number
  /** The most messages of a node in a second. */
  readonly mostOfNode: number
  /** Calls that waited for the store, and the longest wait. */
  readonly waited: number
  readonly longest: number
  readonly status: ReadonlyArray<Cluster.Status>
}

const now = Effect.map(Clock.Clock, (clock) => Number(clock.monotonicTimeNanosUnsafe()) / 1e6)

const hop = Effect.flatMap(Random.next, (share) => Effect.sleep(0.4 + 0.2 * share))

export const play = (plan: Plan): Effect.Effect<Told> =>
  VirtualClock.play(
    Random.withSeed(Effect.scoped(scene(plan)), plan.seed),
    { promises: "none", stuckAfter: "1 minute" }
  )

const scene = (plan: Plan) =>
  Effect.gen(function*() {
    const { limit } = plan
    const costOf = plan.cost ?? ((share: number) => Math.round(10 * 10_000 ** share))
    const usedOf = plan.used ?? ((share: number) => 0.2 + 1.3 * share)
    const memory = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
    let table = new MemoryTable()
    let copy = new MemoryTable()
    const windows = new Map<string, { -readonly [K in keyof Window]: Window[K] } & { used: number }>()
    const windowOf = (name: string) => {
      const known = windows.get(name)
      if (known !== undefined)
        return known
      const made = {
        name,
        refusedAt: undefined,
        usedBefore: 0,
        spent: 0,
        used: 0,
        most: 0,
        excess: 0,
        passed: 0,
        refused: 0
      }
      windows.set(name, made)
      return made
    }
    let [calls, waited, longest] = [0, 0, 0]
    const sentAt = Array.from({ length: plan.nodes }, (): Array<number> => [])
    const dead = new Set<number>()
    const wayOf = (index: number): ClusterStore.ClusterStore["Service"] => ({
      ...memory,
      circuits: (call) => Effect.suspend(() => dead.has(index) ? Effect.never : memory.circuits(call)),
      budgets: (call) =>
        Effect.gen(function*() {
          const at = yield* now
          const way = dead.has(index) ? "hangs" : plan.way?.(at, index, yield* Random.next) ?? "answers"
          if (!dead.has(index)) sentAt[index]!.push(at)
          yield* hop
          if (way === "refuses") {
            return yield* Effect.fail(new ClusterStore.StoreFailed({ operation: "budgets", reason: "failed" }))
          }
          if (way === "hangs") return yield* Effect.never
          // Nobody can take back what is on its way.
          if (way === "late") yield* Effect.uninterruptible(Effect.sleep(15_000 * (yield* Random.next) ** 3))
          const answer = table.callBudgets(call, 1000 * (yield* now))
          if (way === "loses") yield* Effect.sleep("1 hour")
          yield* hop
          return answer
        })
    })
    const scope = yield* Effect.scope
    const clusters = yield* Effect.forEach(
      Array.from({ length: plan.nodes }, (_, i) => i),
      (index) =>
        Effect.gen(function*() {
          const own = yield* Scope.fork(scope)
          const layer = Layer.provide(
            Cluster.layer(plan.options),
            Layer.succeed(ClusterStore.ClusterStore, wayOf(index))
          )
          const context = yield* Layer.buildWithScope(Layer.fresh(layer), own)
          const fleet = Context.get(context, CurrentBudgetFleet)!
          const shares = new Map<string, BudgetShare>()
          const shareAt = (at: number) => {
            const length = plan.window ?? 1e9
            const start = Math.floor((at + (plan.skew?.(index) ?? 0)) / length) * length
            const name = `team:${start}`
            const known = shares.get(name) ?? fleet.open({ name, limit, unit: "cents", start, end: start + length })!
            shares.set(name, known)
            return { name, share: known }
          }
          const call = Effect.gen(function*() {
            calls++
            const amount = costOf(yield* Random.next)
            const began = yield* now
            const { name, share } = shareAt(began)
            const window = windowOf(name)
            share.asked(amount, limit)
            let hasRoom = amount <= share.room(limit)
            if (!hasRoom) {
              const answered = share.awaits(amount, limit)
              if (answered !== undefined) {
                waited++
                yield* answered
                longest = Math.max(longest, (yield* now) - began)
                hasRoom = amount <= share.roomAfterWait(limit)
              }
            }
            if (dead.has(index)) return
            if (!hasRoom) {
              if (window.refusedAt === undefined) {
                window.refusedAt = yield* now
                window.usedBefore = window.used
              }
              window.refused++
              return
            }
            share.add(0, amount)
            window.passed++
            window.used += amount
            window.most = Math.max(window.most, window.used)
            const spent = Math.round(amount * usedOf(yield* Random.next))
            yield* Effect.sleep(200 + 3000 * (yield* Random.next)).pipe(
              Effect.onExit((exit) =>
                Effect.sync(() => {
                  // Who leaves pays all the same.
                  const isOver = exit._tag === "Success" ? spent : Math.min(spent, amount)
                  window.spent += isOver
                  window.used += isOver - amount
                  window.excess += Math.max(0, isOver - amount)
                  window.most = Math.max(window.most, window.used)
                  if (!dead.has(index)) share.add(isOver, -amount)
                })
              )
            )
          })
          const impatient = Effect.flatMap(Random.next, (share) => Effect.timeoutOption(call, 50 * share))
          const asks = Effect.gen(function*() {
            while ((yield* now) < plan.until && !dead.has(index)) {
              const began = yield* now
              const rate = plan.demand(began, index)
              yield* Effect.sleep(
                rate > 0 ? -1000 / rate * Math.log(1 - (yield* Random.next)) : quietFor(plan, began, index)
              )
              if (plan.demand(yield* now, index) <= 0) continue
              const isImpatient = (plan.interrupted ?? 0) > 0 && (yield* Random.next) < plan.interrupted!
              yield* Effect.forkIn(isImpatient ? impatient : call, own)
            }
          })
          yield* Effect.forkIn(asks, own)
          return Context.get(context, Cluster.Cluster)
        })
    )
    const events = [
      ...plan.dies === undefined ? [] : [{
        at: plan.dies.at,
        happens: Effect.sync(() => {
          for (let i = 0; i < plan.dies!.nodes; i++) dead.add(i)
        })
      }],
      ...plan.restarts?.copyOf === undefined ? [] : [{
        at: plan.restarts.at - plan.restarts.copyOf,
        happens: Effect.sync(() => {
          copy = new MemoryTable(table.copy())
        })
      }],
      ...plan.restarts === undefined ? [] : [{
        at: plan.restarts.at,
        happens: Effect.sync(() => {
          table = copy
        })
      }]
    ].sort((a, b) => a.at - b.at)
    for (const { at, happens } of events) {
      yield* Effect.sleep(at - (yield* now))
      yield* happens
    }
    yield* Effect.sleep(plan.until + 4000 - (yield* now))
    const status = yield* Effect.forEach(clusters, ({ status }) => status)
    return {
      windows: Array.from(windows.values(), ({ used: _, ...window }) => window),
      calls,
      messages: sentAt.reduce((sum, times) => sum + times.length, 0),
      mostOfNode: Math.max(...sentAt.map((times) => mostIn(times, 1000))),
      waited,
      longest,
      status
    }
  })

/** The most of some times, in order, that are within a span. */
const mostIn = (times: ReadonlyArray<number>, span: number): number => {
  let most = 0
  let from = 0
  times.forEach((at, i) => {
    while (at - times[from]! >= span) from++
    most = Math.max(most, i - from + 1)
  })
  return most
}
