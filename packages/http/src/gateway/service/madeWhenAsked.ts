/** A model that is made when it is first asked: what nobody asks for is in no metric and on no page. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChatModel from "../../ChatModel.ts"

export interface MadeWhenAsked<E, Model extends ChatModel.ChatModel<E>> {
  readonly model: ChatModel.ChatModel<E>
  /** What was made, once somebody has asked. */
  readonly made: () => Model | undefined
}

/**
 * It is made with what is there now, and lives as long as the scope of now. Where there was one `before` it that was asked, it
 * goes on with that at once.
 */
export const madeWhenAsked = <E, Model extends ChatModel.ChatModel<E>>(
  name: string,
  before: Model | undefined,
  make: (before: Model | undefined) => Effect.Effect<Model, never, Scope.Scope>
): Effect.Effect<MadeWhenAsked<E, Model>, never, Scope.Scope> =>
  Effect.gen(function*() {
    if (before !== undefined) {
      const model = yield* make(before)
      return { model, made: () => model }
    }
    const context = yield* Effect.context<Scope.Scope>()
    let known: Model | undefined
    const making = Effect.tap(make(undefined), (model) => Effect.sync(() => known = model))
    const made = yield* Effect.cached(Effect.uninterruptible(Effect.provideContext(making, context)))
    const model = ChatModel.of<E>({
      name,
      complete: (request) => Effect.flatMap(made, (model) => model.complete(request)),
      open: (request) => Effect.flatMap(made, (model) => model.open(request))
    })
    return { model, made: () => known }
  })
