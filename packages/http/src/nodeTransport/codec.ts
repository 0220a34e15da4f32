/** The options of a client and of its connections as they are written in one section of YAML, JSON or an environment. */
import { group, NumberOrDuration, optionsCodec, type OptionsOf } from "@switchgear/core/runtime"
import * as Schema from "effect/Schema"
import type * as ChatClient from "../ChatClient.ts"
import * as Client from "../chatClient/codec.ts"
import type { Options } from "./options.ts"
import * as Settings from "./settings.ts"

type Both = ChatClient.Options & Options

const check = (options: Both, check: OptionsOf): void => {
  Client.check(options, check)
  // The environment is looked at when connections are made.
  Settings.validated({ ...options, proxy: options.proxy ?? "none" }, check)
}

export const fields = {
  ...Client.fields,
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
}

export const codec = optionsCodec<Both>()(fields, { read: (given) => given as Partial<Both>, check })
