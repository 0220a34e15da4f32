/** The options of a connection as they are written in YAML, JSON or an environment. The key of a certificate is given in code. */
import { group, NumberOrDuration, optionsCodec, Secret } from "@switchgear/core/runtime"
import * as Schema from "effect/Schema"
import type { ClusterOptions, Options, Tls } from "./options.ts"
import { clusterSettings, singleSettings } from "./settings.ts"

const fields = {
  username: Schema.optionalKey(Schema.String),
  password: Secret,
  tls: Schema.optionalKey(
    group({
      ca: Schema.optionalKey(Schema.String),
      cert: Schema.optionalKey(Schema.String),
      serverName: Schema.optionalKey(Schema.String)
    })
  ),
  connectTimeout: Schema.optionalKey(NumberOrDuration),
  pingInterval: Schema.optionalKey(NumberOrDuration)
}

const read = <Given extends { readonly tls?: Tls | undefined }>(
  given: object,
  { tls }: Partial<Given>
): Partial<Given> => ({ ...given, ...("tls" in given && { tls: { ...tls, ...given.tls as Tls } }) }) as Partial<Given>

export const codec = optionsCodec<Options>()({ url: Secret, ...fields }, {
  read: (given, _, defaults) => read(given, defaults),
  check: singleSettings
})

export const clusterCodec = optionsCodec<ClusterOptions>()({ urls: Secret, ...fields }, {
  read: (given, _, defaults) => read(given, defaults),
  check: clusterSettings
})
