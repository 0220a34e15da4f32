/** Error raised when something is no saved state. */
import * as Schema from "effect/Schema"

/**
 * Error raised when what is to be restored is no saved state. Nothing was restored.
 *
 * - `not-json`: it is no plain JSON. A text must be parsed before.
 * - `too-large`: its text has more than 64 million characters.
 * - `version`: it was saved by another version of the format.
 * - `malformed`: a field is missing or wrong.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidSavedState extends Schema.TaggedError<InvalidSavedState>(
  "@switchgear/core/SavedState/InvalidSavedState"
)("InvalidSavedState", { reason: Schema.Literals(["not-json", "too-large", "version", "malformed"]) }) {
  get isRetryable(): boolean {
    return false
  }

  override get message(): string {
    const why = {
      "not-json": "it is no plain JSON. Pass what JSON.parse returns",
      "too-large": "its text has more than 64 million characters",
      version: "its version is not 1",
      malformed: "it is not what SavedState.save returns"
    }
    return `The saved state was not restored: ${why[this.reason]}. The guards go on as they are.`
  }
}
