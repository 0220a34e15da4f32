/** The options of a client as they are written in YAML, JSON or an environment. */
import { group, NumberOrDuration, optionsCodec, type OptionsOf, Secret } from "@switchgear/core/runtime"
import * as Schema from "effect/Schema"
import { checkedProxy } from "../nodeTransport/proxy.ts"
import type { Options, TransportOptions } from "./options.ts"
import * as Settings from "./settings.ts"

const check = (options: Options & TransportOptions, check: OptionsOf): void => {
  // Dialects are given in code: the client that is made of the options refuses them.
  Settings.validated({ ...options, dialects: undefined }, check)
  Settings.connections(options, check)
  checkedProxy(options.proxy ?? "none", check)
}

export const codec = optionsCodec<Options & TransportOptions>()({
  provider: Schema.optionalKey(Schema.String),
  baseUrl: Schema.optionalKey(Schema.String),
  apiKey: Secret,
  parkFor: Schema.optionalKey(NumberOrDuration),
  maxRetryAfter: Schema.optionalKey(NumberOrDuration),
  accountHost: Schema.optionalKey(Schema.String),
  timeout: Schema.optionalKey(NumberOrDuration),
  firstContentTimeout: Schema.optionalKey(NumberOrDuration),
  idleTimeout: Schema.optionalKey(NumberOrDuration),
  headers: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  connectTimeout: Schema.optionalKey(NumberOrDuration),
  keepAliveTimeout: Schema.optionalKey(NumberOrDuration),
  connections: Schema.optionalKey(NumberOrDuration),
  proxy: Schema.optionalKey(
    Schema.Union([
      Schema.String,
      group({
        http: Schema.optionalKey(Schema.String),
        https: Schema.optionalKey(Schema.String),
        except: Schema.optionalKey(Schema.String)
      })
    ]).annotate({ expected: "environment, none, or { http, https, except }" })
  )
}, { read: (given) => given as Partial<Options & TransportOptions>, check })
