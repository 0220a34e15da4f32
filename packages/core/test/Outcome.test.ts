import { CircuitBreaker, Outcome } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Schema } from "effect"

interface ChatError {
  readonly blame: "caller" | "provider" | "nobody"
}

const byBlame = Outcome.onError(({ blame }: ChatError) =>
  blame === "caller" ? Outcome.ignored : blame === "provider" ? Outcome.tripFor("5 minutes") : undefined
)

const failedWith = (...blames: ReadonlyArray<ChatError["blame"]>) =>
  Exit.failCause(Cause.fromReasons(blames.map((blame) => Cause.makeFailReason({ blame }))))

describe("Outcome.onError", () => {
  it("judges a typed failure as the function says, and by default where it says nothing", () => {
    assert.strictEqual(byBlame(failedWith("caller")), Outcome.ignored)
    assert.strictEqual(byBlame(failedWith("provider"))._tag, "TripFor")
    assert.strictEqual(byBlame(failedWith("nobody")), Outcome.failure)
    assert.strictEqual(byBlame(failedWith("caller", "provider")), Outcome.ignored)
  })

  it("leaves success, defects and interruptions to the default", () => {
    const never = Outcome.onError((): Outcome.Outcome => assert.fail("There was no typed failure."))
    for (const exit of [Exit.succeed(1), Exit.die("bug"), Exit.interrupt(1)]) {
      assert.strictEqual(never(exit), Outcome.fromExit(exit))
    }
  })

  it("judges by the default when the function throws", () => {
    const throwing = Outcome.onError((): Outcome.Outcome => {
      throw new Error("a bug of the judge")
    })
    assert.strictEqual(throwing(Exit.fail("503")), Outcome.failure)
  })

  const reasons = Schema.Array(Schema.Literals(["caller", "provider", "nobody", "defect", "interrupt"]))

  it.prop(
    "asks for the first typed failure of any cause without a defect, and only then",
    { reasons },
    ({ reasons }) => {
      const exit = Exit.failCause(
        Cause.fromReasons(reasons.map((reason) =>
          reason === "defect"
            ? Cause.makeDieReason("bug")
            : reason === "interrupt"
            ? Cause.makeInterruptReason(1)
            : Cause.makeFailReason<ChatError>({ blame: reason })
        ))
      )
      const first = reasons.find((reason) => reason !== "defect" && reason !== "interrupt")
      const isAsked = first === "caller" || first === "provider"
      const expected = reasons.includes("defect") || !isAsked
        ? Outcome.fromExit(exit)._tag
        : first === "caller"
        ? "Ignored"
        : "TripFor"
      assert.strictEqual(byBlame(exit)._tag, expected)
    }
  )

  it.effect("is a judge of a circuit, which reads no wait from it that the error did not tell", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 1 })
      const ask = (blame: ChatError["blame"]) =>
        Effect.exit(Effect.fail({ blame }).pipe(breaker.protectWith({ classify: byBlame })))
      yield* ask("caller")
      assert.strictEqual((yield* breaker.snapshot).calls, 0)
      yield* ask("provider")
      assert.strictEqual(yield* breaker.state, "Open")
    }))
})
