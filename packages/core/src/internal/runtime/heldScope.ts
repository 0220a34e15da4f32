/**
 * A scope that the scope around it knows of only while it holds something. The scope around may live as long as the app:
 * it keeps nothing of a call that has opened nothing, or whose work in the background has closed everything again.
 */
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

type State = Scope.Scope["state"]

/** Closed with the scope around it, and in the order in which it began to hold something. */
export const heldScope = (around: Scope.Scope): Scope.Closeable => {
  const own = Scope.makeUnsafe()
  let state: State = own.state
  let place: Scope.Closeable | undefined
  // The platform changes a scope only by setting its state.
  return Object.defineProperty(own, "state", {
    get: (): State => state._tag === "Empty" && around.state._tag === "Closed" ? around.state : state,
    set: (next: State) => {
      state = next
      if (next._tag === "Open") place ??= placeOf(own, around)
      else if (place !== undefined) {
        leave(place)
        place = undefined
      }
    }
  })
}

const placeOf = (own: Scope.Closeable, around: Scope.Scope): Scope.Closeable => {
  const place = Scope.forkUnsafe(around)
  place.state = {
    _tag: "Open",
    finalizerKey: own,
    finalizer: (exit) => Scope.close(own, exit),
    finalizers: undefined
  }
  return place
}

/** The scope around forgets the place. Nothing is closed by that. */
const leave = (place: Scope.Closeable): void => {
  if (place.state._tag !== "Open") return
  place.state = { _tag: "Empty" }
  Scope.closeUnsafe(place, Exit.void)
}
