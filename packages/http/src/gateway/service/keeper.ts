/**
 * Things that are made from parts of a file and live on when the file is read again and says the same of them: circuits,
 * limiters, caches, ledgers and connections keep their state.
 *
 * A new generation is made whole before anything of the old one ends. What the old one alone has ends when its calls have.
 */
import * as Registry from "@switchgear/core/Registry"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { FleetPlace } from "../cluster/model.ts"
import { HeldEntries } from "./heldEntries.ts"

interface Kept {
  /** What the file says of it. */
  readonly said: string
  readonly value: unknown
  readonly scope: Scope.Closeable
  readonly entries: HeldEntries
}

/**
 * Gives the thing of a name: the one that is there if the file says the same of it, or else a new one. `make` is given the
 * one that was there, of which the file said something else.
 */
export type Use = <A, E>(
  name: string,
  said: string,
  make: (before: A | undefined) => Effect.Effect<A, E, Scope.Scope>
) => Effect.Effect<A, E>

/** What one reading of the file was made into. */
export interface Generation<A> {
  readonly value: A
  /** Ends what only the generation before had. To be run when nobody uses that any more. */
  readonly endOthers: Effect.Effect<void>
}

export class Keeper {
  private kept = new Map<string, Kept>()
  private readonly around: Scope.Scope
  private readonly registry: Registry.Registry
  private readonly fleet: FleetPlace | undefined

  constructor(around: Scope.Scope, registry: Registry.Registry, fleet?: FleetPlace | undefined) {
    this.around = around
    this.registry = registry
    this.fleet = fleet
  }

  /** Makes a generation. When that fails, the one before stays as it is. */
  generation<A, E, R>(make: (use: Use) => Effect.Effect<A, E, R>): Effect.Effect<Generation<A>, E, R> {
    return Effect.suspend(() => {
      let before: ReadonlyMap<string, Kept> = this.kept
      const next = new Map<string, Kept>()
      const made: Array<Scope.Closeable> = []
      const use: Use = (name, said, make) => {
        const there = before.get(name)
        if (there?.said === said) {
          next.set(name, there)
          return Effect.succeed(there.value as any)
        }
        const scope = Scope.forkUnsafe(this.around)
        made.push(scope)
        const entries = new HeldEntries(this.registry, this.fleet)
        const making = make(there?.value as any)
        const registered = Effect.provideService(making, Registry.CurrentRegistry, entries.registry)
        const joined = this.fleet === undefined ? registered : this.fleet.within(entries.fleet!)(registered)
        return Effect.map(Scope.provide(joined, scope), (value) => {
          next.set(name, { said, value, scope, entries })
          return value
        })
      }
      return Effect.onExit(make(use), (exit) => Exit.isSuccess(exit) ? Effect.void : endAll(made)).pipe(
        Effect.map((value) => {
          this.kept = next
          const others = [...before].filter(([name, { scope }]) => next.get(name)?.scope !== scope)
          for (const [, { entries }] of others) entries.leave()
          for (const { entries } of next.values()) entries.enter()
          for (const [, { entries }] of others) entries.part()
          // What is made when it is asked keeps `use`, and would keep all that was ever before it.
          before = nothing
          return { value, endOthers: endAll(others.map(([, { scope }]) => scope)) }
        })
      )
    })
  }
}

const nothing: ReadonlyMap<string, Kept> = new Map()

const endAll = (scopes: ReadonlyArray<Scope.Closeable>): Effect.Effect<void> =>
  Effect.forEach(scopes, (scope) => Scope.close(scope, Exit.void), { discard: true })
