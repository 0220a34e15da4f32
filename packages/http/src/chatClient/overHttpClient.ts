/** A client over an `HttpClient`: by the direct way where that is one of the library's own. */
import { OptionsOf } from "@switchgear/core/runtime"
import type * as HttpClient from "effect/http/HttpClient"
import { fromTransport } from "./client.ts"
import type { Options } from "./options.ts"
import * as Portable from "./portableTransport.ts"
import * as Settings from "./settings.ts"
import { directOf, preferring } from "./transport.ts"

/** `where` names the function that was given the options. */
export const overHttpClient = (where: string, options: Options, http: HttpClient.HttpClient) => {
  const settings = Settings.validated(options, new OptionsOf(where))
  const portable = Portable.make(http)
  const direct = directOf(http)
  return fromTransport(settings, direct === undefined ? portable : preferring(direct, portable))
}
