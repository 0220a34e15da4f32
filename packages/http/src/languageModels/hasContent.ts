/** Whether a part says something, or only opens what is to be said. */
import type * as Response from "effect/ai/Response"

export const says = (part: Response.StreamPartEncoded): boolean => {
  switch (part.type) {
    case "response-metadata":
    case "text-start":
    case "text-end":
    case "reasoning-start":
    case "reasoning-end":
      return false
    case "text-delta":
    case "reasoning-delta":
      return part.delta !== ""
    default:
      return true
  }
}
