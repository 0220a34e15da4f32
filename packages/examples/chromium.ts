/** The browser of this machine, for pictures and tests of pages. */
import { Effect, type Scope } from "effect"
import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"
import { type Browser, chromium } from "playwright-core"

/** Debian's package is called `chromium`. */
export const executable = (process.env["PATH"] ?? "").split(delimiter).flatMap((folder) =>
  ["chromium", "chromium-browser", "google-chrome"].map((name) => join(folder, name))
).find((path) => existsSync(path))

/** Runs until the scope is closed. */
export const launched: Effect.Effect<Browser, never, Scope.Scope> = Effect.acquireRelease(
  // A container's root user has no sandbox, and the page is our own.
  Effect.promise(() => chromium.launch({ executablePath: executable ?? "chromium", args: ["--no-sandbox"] })),
  (browser) => Effect.promise(() => browser.close())
)
