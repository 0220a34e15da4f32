/** The class of a call, as the options of its hedge say. */
import { callBack } from "../internal/runtime/callBack.ts"
import type { AnyFiber } from "../internal/runtime/primitive.ts"
import type { HedgeClass } from "./classes.ts"
import type { HedgeMachine } from "./machine.ts"

/** The class of calls that are in none. */
const unnamed = "all"

/** With `within`, classes of the same name are told apart by it. */
export const classOf = ({ classes, rules }: HedgeMachine, fiber: AnyFiber, within?: string): HedgeClass => {
  let name: unknown = unnamed
  const { classOf } = rules
  if (classOf !== undefined) callBack(() => name = classOf({ get: (reference) => fiber.getRef(reference) }))
  const own = typeof name === "string" ? name : unnamed
  return classes.get(within === undefined ? own : classOf === undefined ? within : `${within} ${own}`)
}
