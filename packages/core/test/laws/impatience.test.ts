/**
 * Callers without patience do not open the circuit of a healthy provider: random programs in which every call through a
 * circuit would be answered after 17 ms, and only the deadlines of the callers are shorter.
 */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { check, programs } from "./check.ts"
import { play } from "./play.ts"
import type { Cast, Program, Step, Tree } from "./program.ts"

const answers = { _tag: "Work", way: "answers", millis: 17 } as const
const isCircuit = (name: Cast[number]) => name === "breaker" || name.startsWith("family")

/** The program with another provider: it is well, and what a circuit is around is a call to it and nothing else. */
const healthy = ({ cast: given, steps }: Program): Program => {
  const cast = given.map((name) =>
    name === "slowBreaker" || name === "pipeline" || name === "gate" ? "breaker" : name
  ) as unknown as Cast
  const treated = (tree: Tree): Tree => {
    switch (tree._tag) {
      case "Work":
        return answers as never
      case "Guard":
        return isCircuit(cast[tree.guard])
          ? { ...tree, inner: tree.inner._tag === "Work" ? answers as never : called(tree.inner) }
          : { ...tree, inner: treated(tree.inner) }
      case "Limit":
        return { ...tree, limit: "within", inner: treated(tree.inner) }
      case "Either":
        return { ...tree, first: treated(tree.first), second: treated(tree.second) }
      case "Together":
        return { ...tree, members: tree.members.map(treated) }
      default:
        return { ...tree, inner: treated(tree.inner) }
    }
  }
  const timed = { _tag: "Limit", limit: "attempt", millis: 1000, inner: answers } as never
  // A call may be several at once, such as a hedged one, of which each is told that the time is over.
  const called = (tree: Tree): Tree =>
    tree._tag === "Copies"
      ? { ...tree, inner: timed }
      : tree._tag === "Together"
      ? { ...tree, members: tree.members.map(() => timed) }
      : timed
  const kept = (step: Step) => step._tag !== "ByHand" || !step.change.startsWith("breaker.")
  return {
    cast,
    steps: steps.filter(kept).map((step) => step._tag === "Start" ? { ...step, tree: treated(step.tree) } : step)
  }
}

it.live(
  `the impatient callers of ${programs} random programs open no circuit of a healthy provider`,
  () =>
    Effect.gen(function*() {
      const told = yield* check({
        runs: programs,
        broken: (program) => Effect.map(play(healthy(program), { isHealthy: true }), ({ broken }) => broken),
        shown: healthy
      })
      assert.strictEqual(told, undefined, told)
    }),
  24 * 3_600_000
)
