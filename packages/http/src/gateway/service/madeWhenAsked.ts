/** A model that is made when it is first asked: what nobody asks for is in no metric and on no page. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChatModel from "../../ChatModel.ts"

/** It is made with what is there now, and lives as long as the scope of now. */
export const madeWhenAsked = <E>(
  name: string,
  make: Effect.Effect<ChatModel.ChatModel<E>, never, Scope.Scope>
): Effect.Effect<ChatModel.ChatModel<E>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Effect.context<Scope.Scope>()
    const made = yield* Effect.cached(Effect.uninterruptible(Effect.provideContext(make, context)))
    return ChatModel.of<E>({
      name,
      complete: (request) => Effect.flatMap(made, (model) => model.complete(request)),
      open: (request) => Effect.flatMap(made, (model) => model.open(request))
    })
  })
