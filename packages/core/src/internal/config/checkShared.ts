/** Checks the name of something that is the same on all nodes. */
import { isShareable, longestName } from "../data/isShareable.ts"
import type { OptionsOf } from "./checks.ts"

export const checkShared = (
  check: OptionsOf,
  { name, shared }: { readonly name: string; readonly shared?: boolean | undefined }
): void => {
  if (shared !== true || isShareable(name)) return
  check.withhold(
    "name",
    `well-formed text of at most ${longestName} characters where shared is true`,
    name.length > longestName ? `${name.length} characters` : JSON.stringify(name)
  )
}
