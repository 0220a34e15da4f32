import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import {
  check,
  checkAll,
  type Checked,
  components,
  failures,
  group,
  lines,
  reasonsUsed,
  rulesUsed
} from "./conformance.ts"
import { judge, NotExpressible, type Verdict } from "./judge.ts"
import { mutantsOf, playedOnce, withOthers } from "./mutants.ts"
import { reasons } from "./notExpressible.ts"
import { rules } from "./rules.ts"
import { parse, readFolder, type Scenario } from "./scenario.ts"

const own = path.join(import.meta.dirname, "vectors")
const given = process.env.SWITCHGEAR_VECTORS

const played: ReadonlyArray<{ readonly folder: string; readonly checked: ReadonlyArray<Checked> }> = await Effect
  .runPromise(
    Effect.forEach(
      given ? [own, given] : [own],
      (folder) => Effect.map(Effect.suspend(() => checkAll(readFolder(folder))), (checked) => ({ folder, checked }))
    )
  )
const ofOwn = played[0]!.checked

for (const { checked, folder } of played) {
  describe(folder === own ? "what other libraries' tests say" : `what ${folder} says`, () => {
    for (const [component, ofComponent] of group(checked, ({ scenario }) => scenario.component)) {
      for (const [semantics, ofFlavour] of group(ofComponent, ({ scenario }) => scenario.config.semantics)) {
        it(`of ${component} in ${semantics} is met, or differs by a named rule, or cannot be said`, () => {
          assert.deepStrictEqual(failures(ofFlavour), [])
        })
      }
    }

    it("is counted in one line for each component", () => {
      const counted = lines(checked)
      console.log(counted.join("\n"))
      const all = counted.flatMap((line) => [...line.matchAll(/\d+/g)].map(([count]) => Number(count)))
      assert.strictEqual(all.reduce((sum, count) => sum + count, 0), checked.length)
    })
  })
}

describe("the judgement of a scenario", () => {
  // An expectation that we differ from can be turned into what we do: then the scenario passes, and no rule is named.
  it.effect("changes with every single expectation that is turned into another", () =>
    Effect.gen(function*() {
      const missed: Array<string> = []
      let mutants = 0
      for (const { scenario, verdict } of ofOwn) {
        if (verdict._tag === "NotExpressible") continue
        const plan = components[scenario.component]!(scenario)
        if (plan instanceof NotExpressible) continue
        const planOfOthers = components[scenario.component]!(withOthers(scenario))
        if (planOfOthers instanceof NotExpressible) return assert.fail(`${scenario.id}: ${planOfOthers.reason}`)
        const played = yield* playedOnce(plan)
        // What is played does not depend on what is expected, so that each mutant needs only to be judged.
        const [trace, traceOfOthers] = yield* Effect.forEach(
          [played, planOfOthers],
          ({ replay }) => Random.withSeed(replay, scenario.id)
        )
        assert.deepStrictEqual(traceOfOthers, trace, scenario.id)
        for (const mutant of yield* mutantsOf(scenario, played)) {
          mutants++
          const changed = (yield* judge(mutant, played))._tag
          if (changed !== "Failed" && (changed !== "Passed" || verdict._tag === "Passed")) missed.push(mutant.id)
        }
      }
      console.log(`conformance mutants: ${mutants - missed.length} of ${mutants} caught`)
      assert.deepStrictEqual(missed, [])
      assert.isAbove(mutants, 500)
    }), 60_000)

  it("names only rules and reasons that stand in their tables", () => {
    const known = new Set([...rules.map(({ name }) => name), ...Object.keys(reasons)])
    for (const { checked } of played) {
      for (const [name] of [...rulesUsed(checked), ...reasonsUsed(checked)]) assert.isTrue(known.has(name), name)
    }
  })

  it("is what the README says it is", () => {
    const readme = fs.readFileSync(path.join(import.meta.dirname, "README.md"), "utf8").replaceAll(/ +/g, " ")
    const used = new Map(rulesUsed(ofOwn))
    const expected = [
      ...lines(ofOwn),
      ...rules.map(({ name, reason }) => `| ${name} | ${reason} | ${used.get(name) ?? 0} |`),
      ...reasonsUsed(ofOwn).map(([name, count]) => `| ${name} | ${reasons[name as keyof typeof reasons]} | ${count} |`)
    ]
    assert.deepStrictEqual(expected.filter((row) => !readme.includes(row)), [])
  })
})

describe("a scenario nobody has seen before", () => {
  const breaker: Scenario = {
    id: "new",
    component: "circuitBreaker",
    config: { semantics: "resilience4j", window: "count", windowSize: 2, minimumCalls: 2 },
    steps: [{ op: "failure", n: 2, expect: { permitted: true } }, { op: "state", expect: { state: "Open" } }]
  }
  const reasonOf = (verdict: Verdict) =>
    verdict._tag === "NotExpressible" ? `${verdict.reason}: ${verdict.detail}` : verdict._tag

  it.effect("is played like any other", () =>
    Effect.map(check(breaker), (verdict) => assert.strictEqual(verdict._tag, "Passed")))

  it.effect("can say a command twice, trip while open and trip what was set by hand", () =>
    Effect.gen(function*() {
      const semantics = "rezilience"
      const scenario: Scenario = {
        ...breaker,
        config: { semantics, consecutiveFailures: 5, openMs: 10_000 },
        steps: [
          { op: "forceOpen", n: 2, expect: { state: "ForcedOpen", stateTransitionEvents: 1 } },
          { op: "transitionToOpenFor", ms: 1000, expect: { state: "ForcedOpen", stateTransitionEvents: 1 } },
          { op: "transitionToClosed", n: 2, expect: { state: "Closed", closedEvents: 1 } },
          { op: "failure", n: 4 },
          { op: "transitionToClosed", expect: { failed: 4 } },
          { op: "transitionToOpen", n: 2, expect: { openedEvents: 1, remainingDelayMs: 10_000 } },
          { op: "advance", ms: 4000 },
          { op: "transitionToOpen", expect: { openedEvents: 1, remainingDelayMs: 6000 } },
          { op: "transitionToOpenFor", ms: 60_000, expect: { openedEvents: 1, remainingDelayMs: 60_000 } },
          { op: "disable", n: 2, expect: { state: "Disabled" } },
          { op: "transitionToOpen", expect: { state: "Disabled" } },
          { op: "reset", n: 2, expect: { state: "Closed", closedEvents: 2 } }
        ]
      }
      const verdict = yield* check(scenario)
      assert.deepStrictEqual(failures([{ scenario, verdict }]), [])
      assert.strictEqual(verdict._tag, "Passed")
    }))

  it.effect("fails with the step, what was expected and what was seen", () =>
    Effect.gen(function*() {
      const wrong = { ...breaker, steps: [breaker.steps[0]!, { op: "state", expect: { state: "Closed" } }] }
      const verdict = yield* check(wrong)
      assert.deepStrictEqual(failures([{ scenario: wrong, verdict }]), [
        "new: step 1 (state): state is \"Open\", expected \"Closed\""
      ])
    }))

  it.effect("is not expressible when it knows a setting, an operation, a flavour or a component that we do not", () =>
    Effect.gen(function*() {
      const strange: ReadonlyArray<Scenario> = [
        { ...breaker, config: { ...breaker.config, ringBits: 3 } },
        { ...breaker, steps: [{ op: "explode" }] },
        { ...breaker, steps: [{ op: "acquire", priority: 7 }] },
        { ...breaker, config: { semantics: "envoy" } },
        { ...breaker, component: "hedge" },
        { ...breaker, config: { ...breaker.config, failureRateThreshold: 1.5 } },
        { ...breaker, steps: [{ op: "state", expect: { humour: "dry" } }] }
      ]
      const verdicts = yield* Effect.forEach(strange, check)
      assert.deepStrictEqual(verdicts.map(reasonOf), [
        "unknown setting: ringBits",
        "unknown operation: explode",
        "unknown operation: acquire with priority",
        "unknown semantics: envoy",
        "no such component: hedge",
        "a setting out of range: CircuitBreaker.make: failureRate must be above 0 and at most 1, got 1.5",
        "asserts only facts that are not told: humour"
      ])
    }))

  it("is refused with the name of its file when it is malformed", () => {
    assert.throws(() => parse("[{", "new.json"), /^new\.json is not a scenario file: /)
    assert.throws(() => parse(JSON.stringify([{ ...breaker, steps: 7 }]), "new.json"), /^new\.json .*\["steps"\]/s)
    assert.throws(() => readFolder(path.join(own, "nowhere")), /there is no folder .*nowhere/)
  })
})
