/** What a run knows of the hedge around it. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** One run of a hedged call. */
export interface Answering {
  /** It has its first token. Returns whether the call goes on with this run. */
  readonly speaks: () => boolean
}

/** The run of the innermost hedge around the running fiber. */
export const CurrentRun = Context.Reference<Answering | undefined>("@switchgear/core/Hedge/CurrentRun", {
  defaultValue: () => undefined
})

/**
 * Tells the hedge around that the call has its first token. From then on this run is the call: no hedge of it is started
 * any more, and what runs beside it is interrupted. In a run that has lost, it is an interruption. Without a hedge around,
 * and for one `on: "result"`, nothing happens.
 *
 * @since 0.1.0
 * @category combinators
 */
export const firstToken: Effect.Effect<void> = Effect.withFiber((fiber) =>
  fiber.getRef(CurrentRun)?.speaks() === false ? Effect.interrupt : Effect.void
)

/**
 * Whether the calls inside may be made twice. `"unsafe"` is for those with an effect that must not happen twice, such as
 * an agent's tool that sends a mail: they get no hedge. @default "safe"
 *
 * @since 0.1.0
 * @category references
 */
export const CurrentRepetition = Context.Reference<"safe" | "unsafe">("@switchgear/core/Hedge/CurrentRepetition", {
  defaultValue: () => "safe"
})
