/** The sections of a file besides models and `resilience4j`. */
import { Host } from "../../../Account.ts"
import { partNames } from "../../../pricing/parts.ts"
import { hedge, limits } from "./guards.ts"
import {
  anyOf,
  choice,
  clientTokens,
  duration,
  entries,
  group,
  integer,
  list,
  numberAbove,
  numberFrom,
  option,
  orNothing,
  orVariable,
  secret,
  secrets,
  text,
  wait
} from "./parts.ts"

const mebibyte = 2 ** 20

const host = option(text, "The address to listen on.", "127.0.0.1")

export const listen = group({
  host: option(text, "The address to listen on. One that is not loopback needs clients with tokens.", "127.0.0.1"),
  port: option(integer(0, 65_535), "The port for clients; 0 for any free one.", 4180),
  maxBodySize: option(integer(1, 1024 * mebibyte), "Bytes of the body of one request.", 20 * mebibyte),
  maxBodiesSize: option(
    integer(1, 1024 ** 2 * mebibyte),
    "Bytes of all bodies that are being read or answered.",
    256 * mebibyte
  ),
  maxRequests: option(integer(1, 1_000_000), "Requests that are being answered.", 1000),
  maxConnections: option(integer(1, 1_000_000), "Connections of clients.", 10_000),
  headersTimeout: option(duration, "The time in which the head of a request has to come.", "10 seconds"),
  requestTimeout: option(duration, "The time in which a whole request has to come.", "60 seconds"),
  keepAliveTimeout: option(duration, "How long an idle connection is kept.", "75 seconds"),
  writeTimeout: option(duration, "How long a client may take nothing of an answer that is there for it.", "30 seconds"),
  headAfter: option(duration, "How long a stream without content keeps its head back.", "20 seconds"),
  drainTimeout: option(duration, "How long calls in flight may go on once the gateway is told to stop.", "30 seconds"),
  exhaustedStatus: option(integer(400, 599), "The status when every model of a cascade has failed.", 503),
  origins: option(
    list(text),
    "The origins whose pages may call from a browser, such as https://app.example; * for all.",
    []
  )
})

export const admin = group({
  host,
  hosts: option(list(text), "Further names under which operators ask, such as that of a proxy in front.", []),
  port: option(integer(0, 65_535), "The port for operators; 0 for any free one.", 4181),
  token: option(secret, "May read and control. There is no address for operators without it."),
  readToken: option(secret, "May only read."),
  exemplars: option(
    choice("on", "off"),
    "Whether histograms in OpenMetrics name a request for each bucket, by its trace or its id.",
    "off"
  ),
  runbook: option(
    { type: "string", pattern: "^https?://|\\$\\{" },
    "The page where it is written what to do in a bad night. The operators' page has a link to it."
  ),
  promise: option(
    group({ p95: option(duration, "Nineteen of twenty answers are there within this time.") }),
    "What is promised to clients. The operators' page shows it, and a rehearsal holds the file to it."
  )
}, ["token"])

export const otlp = group({
  endpoint: option(
    { type: "string", pattern: "^https?://|\\$\\{" },
    "The address before /v1/traces and /v1/metrics, such as http://127.0.0.1:4318."
  ),
  headers: option(orNothing(entries(secret)), "Headers that go with everything, such as the key of the collector."),
  encoding: option(choice("protobuf", "json"), "How it is written.", "protobuf"),
  signals: option(list(choice("traces", "metrics"), 1), "What is told.", ["traces", "metrics"]),
  serviceName: option(text, "The name of this gateway: service.name.", "switchgear"),
  attributes: option(
    orNothing(entries({ type: ["string", "number", "boolean"] })),
    "What is told of this gateway with everything, such as deployment.environment.name."
  ),
  tracesInterval: option(duration, "How long spans are gathered.", "5 seconds"),
  metricsInterval: option(duration, "How often metrics are told.", "30 seconds"),
  sampleRatio: option(
    numberFrom(0, 1),
    "The share of requests that are traced whose client does not say whether they are.",
    1
  )
}, ["endpoint"])

const redisUrl = { type: "string", pattern: "^(rediss?|unix)://|\\$\\{" }

const pem = { type: "string", pattern: "-----BEGIN |\\$\\{" }

const redisOptions = {
  username: option(text, "The ACL user, where the address has none."),
  password: option(secret, "Its password, where the address has none."),
  tls: option(
    group({
      ca: option(pem, "Certificate authorities as a PEM text. Those of Node, where it is left out."),
      cert: option(pem, "The certificate of the gateway as a PEM text."),
      key: option(pem, "The key of that as a PEM text."),
      serverName: option(text, "The name that the certificate of the server has.")
    }),
    "For addresses that begin with rediss://."
  ),
  connectTimeout: option(duration, "How long an attempt to connect may take.", "2 seconds"),
  pingInterval: option(
    duration,
    "How often the connection is looked at by a PING, and how long that may take.",
    "5 seconds"
  )
}

const redis = anyOf(
  redisUrl,
  group({ url: option(redisUrl, "The address of one Redis."), ...redisOptions }, ["url"]),
  group({ urls: option(list(redisUrl, 1), "The addresses of some nodes of a Redis Cluster."), ...redisOptions }, [
    "urls"
  ])
)

export const cluster = group({
  redis: option(
    redis,
    "The address of Redis, such as redis://127.0.0.1:6379, or rediss://user:password@redis.example:6379 with TLS; or a group with url or, for a Redis Cluster, urls."
  ),
  fleet: option(
    { type: "string", pattern: "^(?![\\s\\S]*://)[^{}]{1,100}$|\\$\\{" },
    "The name of the fleet, which is in all its keys: gateways of one name are one fleet."
  ),
  interval: option(duration, "How often a gateway tells what it has counted.", "250 millis"),
  timeout: option(
    duration,
    "How long a gateway waits for Redis, and a call for a probe or for a limit of which nothing is booked. At most interval.",
    "50 millis"
  ),
  heartbeat: option(duration, "How often a gateway tells of all its circuits, whatever happens.", "5 seconds"),
  span: option(duration, "How long calls count at least, where the window counts calls.", "1 second"),
  spread: option(
    choice("agreed", "any"),
    "Whether all gateways together open a circuit, or the first one that does.",
    "agreed"
  ),
  away: option(
    choice("local", "open", "closed"),
    "What limits are while Redis does not answer: the share of this gateway, the whole limit on each gateway, or nothing.",
    "local"
  ),
  cover: option(duration, "For how much of its own demand a gateway books of a limit.", "100 millis"),
  ahead: option(duration, "How far ahead a gateway books.", "200 millis"),
  giveBack: option(duration, "After how long what is booked and not used goes back.", "200 millis")
}, ["redis", "fleet"])

const anyText = { type: "string" }

const proxy = orVariable(
  { enum: ["environment", "none"] },
  group({
    http: option(anyText, "The proxy for http, as a URL."),
    https: option(anyText, "The proxy for https, as a URL."),
    except: option(anyText, "Hosts without a proxy, as in NO_PROXY.")
  })
)

export const providers = entries(group({
  provider: option(text, "Its name in errors and metrics. That of the entry, where it is left out."),
  baseUrl: option(
    { type: "string", pattern: "^https?://|\\$\\{" },
    "The address before /chat/completions, such as https://api.openai.com/v1."
  ),
  apiKey: option(secrets, "The key, or several: when one is of no use, the next one is taken."),
  speaks: option(
    list(choice("chat", "embeddings", "messages", "responses")),
    "The APIs below its base URL: those of OpenAI, and messages of Anthropic. chat and embeddings where it is left out."
  ),
  parkFor: option(duration, "How long a key that is of no use is left alone.", "5 minutes"),
  maxRetryAfter: option(duration, "The longest time for which a provider can ask that of a key.", "10 minutes"),
  accountHost: option(choice(...Host.literals), "The host whose account endpoint this address has."),
  timeout: option(duration, "The time for a whole answer; 10 minutes for a stream where it is left out.", "60 seconds"),
  firstContentTimeout: option(duration, "How long a stream may take to its first content.", "60 seconds"),
  idleTimeout: option(duration, "How long a stream may go without content.", "30 seconds"),
  headers: option(entries({ type: "string" }), "Headers that go with every request."),
  connectTimeout: option(duration, "How long making a connection may take.", "5 seconds"),
  keepAliveTimeout: option(duration, "How long an idle connection is kept.", "30 seconds"),
  connections: option(integer(1, 65_535), "Connections to one host at most. Without it, the bulkheads are the limit."),
  proxy: option(proxy, "The way out: by the variables of the environment, none, or the proxies.", "environment")
}, ["baseUrl"]))

const cache = group({
  capacity: option(integer(1, 2 ** 24), "Answers that are kept.", 10_000),
  maxBytes: option(integer(1), "Bytes of all answers that are kept.", 256 * mebibyte),
  timeToLive: option(wait, "How long an answer is fresh. Equal requests share it and their calls.", 0),
  staleFor: option(wait, "How long after that it is served when every model has failed.", "1 day"),
  after: option(wait, "How long a call is waited for when there is a stale answer.", "Infinity"),
  storeTimeout: option(duration, "How long a second tier is waited for.", "50 millis")
})

export const cascades = entries(group({
  steps: option(list(text, 1), "The names of models, the first choice first."),
  deadline: option(duration, "The time for all models together. Without it, each has its own."),
  cache: option(cache, "Answers that are kept for when every model fails."),
  share: option(choice("measured", "even", "none"), "How the time is shared among the models.", "measured"),
  hedge: option(hedge, "Asks the next model beside one that is slow to its first content. Without it, none is."),
  attempts: option(integer(1), "Attempts at all models together."),
  queue: option(integer(0), "Requests that wait and ask the models again when all have refused or failed them.", 0),
  maxWait: option(wait, "How long such a request waits at most, within its deadline.", "10 seconds"),
  canned: option(
    entries(text, 1),
    "The last answer, by language, such as { en, zh }. That of default is for all other languages."
  )
}, ["steps"]))

const part = numberFrom(0)

const parts = Object.fromEntries(
  partNames.map((name) => [name, option(part, `Dollars for a million tokens of ${name}.`)])
)

export const prices = entries(group({
  ...parts,
  tiers: option(
    list(group({ above: option(integer(1), "Of prompts of more tokens than this."), ...parts }, ["above"])),
    "Other prices for long prompts."
  )
}))

const budget = group({
  dollars: option(numberAbove(0), "What may be spent within the window."),
  window: option(
    anyOf(choice("day", "month"), duration),
    "Of the calendar in UTC, or so much time, counted from the epoch.",
    "1 day"
  )
}, ["dollars"])

export const clients = list(group({
  name: option(text, "Its name in metrics and the log."),
  token: option(
    clientTokens(),
    "What it authenticates with, or sha256: and the digest of it. Several for a rotation, each with an end if it has one."
  ),
  models: option(
    list(text),
    "The models and cascades that it may ask for. All cascades and models, where it is left out."
  ),
  limits: option(limits, "What it may use per time."),
  budget: option(budget, "What it may spend."),
  priority: option(integer(-1000, 1000), "Where calls queue, a higher one is first.", 0),
  share: option(
    integer(1, 1000),
    "Its part of a gateway that is full, against those of the other clients of its priority.",
    1
  )
}, ["name", "token"]))
