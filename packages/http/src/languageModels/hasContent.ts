/** Whether a part has content, or only opens or closes a block of it. */
import type * as Response from "effect/ai/Response"

export const hasContent = (part: Response.StreamPartEncoded): boolean => {
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
