/** Types of models and cascades as an editor shows them, from the programs of a user. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript-5.9"
import { assert, beforeAll, describe, it } from "vitest"

const preamble = `import { Canned, ChatClient, ChatModel, ModelCascade } from "@switchgear/http"
import { HttpGuard, ServerGuard } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
const client = NodeTransport.layerChatClientConfig("openai", { provider: "openai", baseUrl: "https://api.openai.com/v1" })
class Gpt extends ChatModel.Service<Gpt>()("gpt", { model: "gpt-4.1", client }) {}
class Open extends ChatModel.Service<Open>()("open", { model: "llama-4" }) {}
class Floored extends ModelCascade.Service<Floored>()("floored", { models: [{ model: Gpt }, { model: Open }], canned: Canned.sentences }) {}
declare const http: import("effect/http").HttpClient.HttpClient
declare const options: HttpGuard.Options
declare const guard: ServerGuard.ServerGuard
declare const route: import("effect").Effect.Effect<import("effect/http").HttpServerResponse.HttpServerResponse, "gone">
class Bare extends ModelCascade.Service<Bare>()("bare", { models: [{ model: Gpt }] }) {}
`

/** The expression, and its type. */
const printed: Readonly<Record<string, readonly [expression: string, type: string]>> = {
  made: [`ChatModel.make({ model: "gpt-4.1", client })`, "Effect<ChatModel.GuardedModel, ConfigError, Scope>"],
  modelLayer: ["Gpt.layer", "Layer<Gpt, ConfigError, never>"],
  openLayer: ["Open.layer", "Layer<Open, never, ChatClient.ChatClient>"],
  openConfig: [`Open.layerConfig("open")`, "Layer<Open, ConfigError, ChatClient.ChatClient>"],
  cascadeLayer: ["Floored.layer", "Layer<Floored, never, Gpt | Open>"],
  cascadeConfig: [`Bare.layerConfig("bare")`, "Layer<Bare, ConfigError, Gpt>"],
  answer: [
    "Floored.complete({ messages: [] })",
    "Effect<ChatModel.Answer, ModelCascade.CallerError, Floored>"
  ],
  bareAnswer: [
    "Bare.complete({ messages: [] })",
    "Effect<ChatModel.Answer, ModelCascade.CascadeError, Bare>"
  ],
  modelStream: ["Gpt.stream({ messages: [] })", "Stream<ChatChunk, ChatModel.ModelError, Gpt>"],
  cascadeStream: [
    "Floored.stream({ messages: [] })",
    "Stream<ChatChunk, ChatModel.StreamError<ModelCascade.CallerError>, Floored>"
  ],
  reply: [
    "ChatClient.ChatClient.use((client) => client.complete({ model: \"m\", messages: [] }))",
    "Effect<ChatReply, ChatError, ChatClient.ChatClient>"
  ],
  standard: [
    "HttpGuard.standard(http)",
    "Effect<HttpClient.With<BulkheadFull | CircuitOpen | DeadlineExceeded | HttpClientError, never>, never, never>"
  ],
  standardLimited: [
    `HttpGuard.standard(http, { rateLimiter: { limits: [] }, breaker: "off", bulkhead: "off" })`,
    "Effect<HttpClient.With<DeadlineExceeded | HttpClientError | RateLimited, never>, never, never>"
  ],
  standardMoving: [
    `HttpGuard.standard(http, { concurrencyLimit: { max: 50 }, bulkhead: "off" })`,
    "Effect<HttpClient.With<BulkheadFull | CircuitOpen | DeadlineExceeded | HttpClientError, never>, never, never>"
  ],
  standardTimeless: [
    `HttpGuard.standard(http, { deadline: "off", attemptTimeout: "off", retry: { maxAttempts: 2 } })`,
    "Effect<HttpClient.With<BulkheadFull | CircuitOpen | HttpClientError, never>, never, never>"
  ],
  standardOff: [
    `HttpGuard.standard(http, { deadline: "off", attemptTimeout: "off", breaker: "off", bulkhead: "off" })`,
    "Effect<HttpClient.With<HttpClientError, never>, never, never>"
  ],
  standardOfAny: [
    "HttpGuard.standard(http, options)",
    "Effect<HttpClient.With<BulkheadFull | CircuitOpen | DeadlineExceeded | HttpClientError | RateLimited, never>, never, never>"
  ],
  server: [`ServerGuard.make({ name: "api" })`, "Effect<ServerGuard.ServerGuard, never, never>"],
  serverLayer: [`ServerGuard.layer(ServerGuard.make({ name: "api" }))`, "Layer<never, never, HttpRouter>"],
  guardedRoute: ["guard.protect(route)", `Effect<HttpServerResponse, "gone", HttpServerRequest | Scope>`],
  cascade: [
    "ModelCascade.make({ models: [{ model: Gpt }, { model: ChatModel.make({ model: \"m\", client }) }] })",
    "Effect<ModelCascade.ModelCascade<ModelCascade.CascadeError>, ConfigError, Gpt | Scope>"
  ]
}

/** The expression, and the last line of what is said. */
const mistakes: Readonly<Record<string, readonly [expression: string, why: RegExp]>> = {
  "a model without a client": [
    `ChatModel.make({ model: "gpt-4.1" })`,
    /Property 'client' is missing in type '\{ model: string; \}' but required in type '\{ readonly client: Client; \}'/
  ],
  "a misspelt field of a request": [
    "Gpt.complete({ messages: [], temprature: 1 })",
    /'temprature' does not exist in type 'Request'\. Did you mean to write 'temperature'\?/
  ],
  "a temperature that is none": [
    `Gpt.complete({ messages: [], temperature: "warm" })`,
    /Type 'string' is not assignable to type 'number'/
  ],
  "a role that is none": [
    `Gpt.complete({ messages: [{ role: "usr", content: "" }] })`,
    /Type '"usr"' is not assignable to type 'Role'/
  ],
  "a misspelt field of a message": [
    `Gpt.complete({ messages: [{ role: "user", contnet: "" }] })`,
    /'contnet' does not exist in type 'Message'\. Did you mean to write 'content'\?/
  ],
  "a misspelt option of a cascade": [
    "ModelCascade.make({ models: [{ model: Gpt }], canned: Canned.sentences, deadlne: 1 })",
    /'deadlne' does not exist in type/
  ],
  "a misspelt option of a guarded client": [
    `HttpGuard.standard(http, { brekaer: "off" })`,
    /'brekaer' does not exist in type/
  ],
  "a misspelt option of a guarded server": [
    `ServerGuard.make({ name: "api", maxRequest: 1 })`,
    /'maxRequest' does not exist in type/
  ],
  "a misspelt option of a step": [
    "ModelCascade.make({ models: [{ model: Gpt, contextwindow: 1 }] })",
    /'contextwindow' does not exist in type/
  ]
}

const exported = Object.entries(printed).map(([name, [expression]]) => `export const ${name} = ${expression}\n`)
const mistaken = Object.values(mistakes).map(([expression], i) => `export const mistake${i} = ${expression}\n`)
const file = join(import.meta.dirname, "user.ts")
const text = preamble + exported.join("") + mistaken.join("")

let types: ReadonlyMap<string, string>
let problems: ReadonlyMap<number, string>

beforeAll(() => {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2024,
    lib: ["lib.es2024.d.ts", "lib.esnext.disposable.d.ts"],
    module: ts.ModuleKind.NodeNext,
    strict: true,
    exactOptionalPropertyTypes: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
    types: ["node"]
  }
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2024) : getSourceFile(name, ...rest)
  host.fileExists = (name) => name === file || ts.sys.fileExists(name)
  host.readFile = (name) => name === file ? text : readFileSync(name, "utf8")
  const program = ts.createProgram([file], options, host)
  const source = program.getSourceFile(file)!
  const checker = program.getTypeChecker()
  const shown = (node: ts.Node) =>
    checker.typeToString(
      checker.getTypeAtLocation(node),
      source,
      ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.UseAliasDefinedOutsideCurrentScope
    )
  types = new Map(
    source.statements.filter(ts.isVariableStatement).flatMap(({ declarationList: { declarations } }) =>
      declarations.map((declared) => [declared.name.getText(source), shown(declared)] as const)
    )
  )
  problems = new Map(
    [...program.getSemanticDiagnostics(source)].map(({ messageText, start = 0 }) => [
      source.getLineAndCharacterOfPosition(start).line,
      ts.flattenDiagnosticMessageText(messageText, "\n")
    ])
  )
}, 120_000)

/** Members of a union in the order of their names. */
const sorted = (type: string): string =>
  type.replace(/[\w.]+(?: \| [\w.]+)+/g, (union) => union.split(" | ").sort().join(" | "))

describe("an editor shows", () => {
  it.each(Object.entries(printed))("%s with the errors that are left and what is needed", (name, [, type]) => {
    assert.strictEqual(sorted(types.get(name) ?? "nothing"), type)
  })

  it.each(Object.entries(mistakes).map(([claim, [, why]], i) => [claim, why, i] as const))("%s", (_, why, i) => {
    const line = preamble.split("\n").length - 1 + exported.length + i
    assert.match(problems.get(line) ?? "nothing", why)
  })

  it("no other problem", () => {
    assert.strictEqual(problems.size, Object.keys(mistakes).length)
  })
})
