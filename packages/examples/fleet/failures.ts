/** Why a run ends before its end. */
import { Data } from "effect"
import { CliError } from "effect/cli"

/** There is no `redis-server` to start. */
export class RedisMissing extends Data.TaggedError("RedisMissing") {
  override readonly message = "There is no redis-server on the PATH: install it (Debian and Ubuntu: " +
    "`apt-get install redis-server`; macOS: `brew install redis`) and run the same command again."
  override get [CliError.userMessage](): string {
    return this.message
  }
}

/** A process of the run ended, or did not do what it was told. */
export class ProcessFailed extends Data.TaggedError("ProcessFailed")<{
  readonly process: string
  readonly why: string
}> {
  override get message(): string {
    return `${this.process} failed: ${this.why}`
  }
  override get [CliError.userMessage](): string {
    return this.message
  }
}
