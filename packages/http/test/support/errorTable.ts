import type { ChatError } from "@switchgear/http"

/** One row of the error table: what a provider sends, and what has to be made of it. */
export interface Row {
  readonly name: string
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: unknown
  readonly expect: {
    readonly tag: ChatError.ChatError["_tag"]
    readonly blame: ChatError.Blame
    readonly retries: "yes" | "once" | "no"
    readonly movesOn: "yes" | "no" | "larger-window" | "opt-in"
    readonly counts: boolean
    readonly parks: boolean
    readonly retryAfterMillis?: number
    readonly code?: string
  }
}

const openai = (message: string, type: string | null = null, code: string | null = null) => ({
  error: { message, type, param: null, code }
})
const anthropic = (type: string, message: string) => ({ type: "error", error: { type, message }, request_id: "req_1" })
const gemini = (code: number, status: string, message: string, details: ReadonlyArray<unknown> = []) => ({
  error: { code, message, status, details }
})

const row = (
  name: string,
  status: number,
  body: unknown,
  expect: Row["expect"],
  headers: Readonly<Record<string, string>> = {}
): Row => ({ name, status, body, expect, headers })

const invalid = {
  tag: "InvalidRequest",
  blame: "caller",
  retries: "no",
  movesOn: "no",
  counts: false,
  parks: false
} as const
const context = { ...invalid, tag: "ContextTooLong", movesOn: "larger-window" } as const
const blocked = { ...invalid, tag: "ContentBlocked", movesOn: "opt-in" } as const
const account = { blame: "account", retries: "no", movesOn: "yes", counts: false } as const
const unauthorized = { ...account, tag: "Unauthorized", parks: true } as const
const forbidden = { ...account, tag: "Forbidden", movesOn: "opt-in", parks: false } as const
const notFound = { ...account, tag: "ModelNotFound", parks: false } as const
const quota = { ...account, tag: "QuotaExhausted", parks: true } as const
const limited = { ...account, tag: "ProviderRateLimited", retries: "yes", parks: false } as const
const fault = {
  tag: "ProviderFault",
  blame: "provider",
  retries: "yes",
  movesOn: "yes",
  counts: true,
  parks: false
} as const
/** A refusal that is not known to be the caller's mistake. */
const unknown = { ...fault, retries: "no", counts: false } as const
const overloaded = { ...fault, tag: "Overloaded", retries: "once" } as const
const malformed = { ...fault, tag: "MalformedReply", retries: "once" } as const

export const rows: ReadonlyArray<Row> = [
  row("400 with a bad value", 400, openai("Invalid value for 'n'", "invalid_request_error"), invalid),
  row(
    "400 context_length_exceeded",
    400,
    openai("too long", "invalid_request_error", "context_length_exceeded"),
    { ...context, code: "context_length_exceeded" }
  ),
  row(
    "400 that only says so of the context",
    400,
    openai("This model's maximum context length is 8192 tokens"),
    context
  ),
  row(
    "400 of Anthropic for a long prompt",
    400,
    anthropic("invalid_request_error", "prompt is too long: 2 > 1"),
    context
  ),
  row("400 content_filter", 400, openai("filtered", null, "content_filter"), blocked),
  row("400 content_policy_violation", 400, openai("no", "invalid_request_error", "content_policy_violation"), blocked),
  row("400 with Azure's innererror", 400, {
    error: { message: "filtered", code: null, innererror: { code: "ResponsibleAIPolicyViolation" } }
  }, blocked),
  row("400 invalid_prompt", 400, openai("no", "invalid_request_error", "invalid_prompt"), {
    ...invalid,
    movesOn: "opt-in"
  }),
  row("400 unsupported_parameter", 400, openai("no", "invalid_request_error", "unsupported_parameter"), {
    ...invalid,
    movesOn: "opt-in"
  }),
  row(
    "400 of Anthropic for spent credit",
    400,
    anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    quota
  ),
  row(
    "400 of Anthropic at a spend limit",
    400,
    anthropic("invalid_request_error", "Workspace spend limit reached"),
    quota
  ),
  row(
    "400 of Gemini for a wrong key",
    400,
    gemini(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", [{ reason: "API_KEY_INVALID" }]),
    unauthorized
  ),
  row("401 of OpenAI", 401, openai("Incorrect API key provided", "invalid_request_error", "invalid_api_key"), {
    ...unauthorized,
    code: "invalid_api_key"
  }),
  row("401 of Anthropic", 401, anthropic("authentication_error", "invalid x-api-key"), unauthorized),
  row("402 of DeepSeek", 402, openai("Insufficient Balance", "unknown_error", "invalid_request_error"), quota),
  row("402 of OpenRouter for a budget in flight", 402, { error: { code: 402, message: "in flight" } }, {
    ...quota,
    retries: "yes",
    retryAfterMillis: 2000
  }, { "retry-after": "2" }),
  row("402 of OpenRouter", 402, { error: { code: 402, message: "no credits" } }, quota),
  row(
    "403",
    403,
    openai("Country not supported", "request_forbidden", "unsupported_country_region_territory"),
    forbidden
  ),
  row("403 without a word", 403, "", { ...forbidden, movesOn: "yes" }),
  row("403 in a language that nobody knows", 403, openai("Ei ole rahaa"), { ...forbidden, movesOn: "yes" }),
  row("403 of Gemini", 403, gemini(403, "PERMISSION_DENIED", "The caller does not have permission"), forbidden),
  row("403 of Anthropic", 403, anthropic("permission_error", "not allowed"), forbidden),
  row("404 model_not_found", 404, openai("no such model", "invalid_request_error", "model_not_found"), notFound),
  row("404 of Anthropic", 404, anthropic("not_found_error", "model: claude-x"), notFound),
  row("404 of a web server", 404, "<html><head><title>404 Not Found</title></head></html>", notFound),
  row("403 model_not_found", 403, openai("no access", "invalid_request_error", "model_not_found"), notFound),
  row("408", 408, "", fault),
  row("409", 409, anthropic("conflict_error", "lock timeout"), { ...fault, counts: false }),
  row("413 from a CDN", 413, "<html><body>413</body></html>", { ...invalid, movesOn: "larger-window" }),
  row("422 of DeepSeek", 422, openai("Invalid Parameters", "invalid_request_error"), invalid),
  row("422 of FastAPI", 422, { detail: [{ loc: ["body", "n"], msg: "Input should be less", input: 7 }] }, invalid),
  row("400 without a word", 400, "", unknown),
  row("400 that nobody knows", 400, openai("The flux capacitor is empty", "flux_error", "flux_empty"), unknown),
  row("422 without a word", 422, "", unknown),
  row("424", 424, "", unknown),
  row("425", 425, "", { ...unknown, retries: "yes" }),
  row("451", 451, "", unknown),
  row("418, which nobody defined", 418, "", unknown),
  row("429 rate_limit_exceeded", 429, openai("slow", "tokens", "rate_limit_exceeded"), {
    ...limited,
    retryAfterMillis: 1500
  }, { "retry-after": "1.5" }),
  row("429 of Anthropic", 429, anthropic("rate_limit_error", "slow"), limited),
  row("429 slow_down", 429, openai("slow", "invalid_request_error", "slow_down"), limited),
  row("429 without a body", 429, "", limited),
  row("429 of a minute at Gemini", 429, [
    gemini(429, "RESOURCE_EXHAUSTED", "Quota exceeded", [
      { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "46s" },
      { violations: [{ quotaId: "GenerateRequestsPerMinutePerProjectPerModel" }] }
    ])
  ], { ...limited, retryAfterMillis: 46_000 }),
  row("429 insufficient_quota", 429, openai("quota", "insufficient_quota", "insufficient_quota"), quota),
  ...[
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_hard_limit_reached",
    "billing_not_active",
    "enforced_spend_limit_reached"
  ].map((code) => row(`429 ${code}`, 429, openai("quota", "insufficient_quota", code), { ...quota, code })),
  row("429 with the quota in its type alone", 429, openai("quota", "insufficient_quota"), quota),
  row(
    "429 whose code says rate although its type says quota",
    429,
    openai("slow", "insufficient_quota", "rate_limit_exceeded"),
    limited
  ),
  row("429 of a day at Gemini", 429, [
    gemini(429, "RESOURCE_EXHAUSTED", "Quota exceeded", [
      { retryDelay: "46s" },
      { violations: [{ quotaId: "GenerateRequestsPerDayPerProjectPerModel-FreeTier" }] }
    ])
  ], { ...quota, retryAfterMillis: 46_000 }),
  row("429 of Gemini with no quota at all", 429, gemini(429, "RESOURCE_EXHAUSTED", "Quota exceeded, limit: 0"), quota),
  row("429 of Gemini for hours", 429, gemini(429, "RESOURCE_EXHAUSTED", "Quota exceeded", [{ retryDelay: "7200s" }]), {
    ...quota,
    retryAfterMillis: 7_200_000
  }),
  row("429 with a long wait at others than Gemini", 429, "", { ...limited, retryAfterMillis: 7_200_000 }, {
    "retry-after": "7200"
  }),
  row("498 of Groq", 498, openai("flex capacity", "capacity", "flex"), limited),
  row("499", 499, "", unknown),
  row("500", 500, openai("oops", "server_error"), fault),
  row("500 without retry by the provider's word", 500, openai("oops", "server_error"), { ...fault, retries: "no" }, {
    "x-should-retry": "false"
  }),
  row("501", 501, "", { ...fault, retries: "no", counts: false }),
  row("505", 505, "", { ...fault, retries: "no", counts: false }),
  row("502 in HTML", 502, "<html><head><title>502 Bad Gateway</title></head></html>", fault),
  row("504", 504, "", { ...fault, retries: "no" }),
  row("520", 520, "", fault),
  row("524", 524, "<!DOCTYPE html><title>A timeout occurred</title>", { ...fault, retries: "no" }),
  row("503 server_is_overloaded", 503, openai("busy", "service_unavailable_error", "server_is_overloaded"), overloaded),
  row("503 of Gemini", 503, [gemini(503, "UNAVAILABLE", "The model is overloaded.")], overloaded),
  row("503 with a wait", 503, "", { ...overloaded, retryAfterMillis: 250 }, { "retry-after-ms": "250" }),
  row("529 of Anthropic", 529, anthropic("overloaded_error", "Overloaded"), overloaded),
  row("200 with an error of OpenRouter", 200, { error: { code: 502, message: "Provider returned error" } }, fault),
  row("200 with a rate limit inside", 200, { error: { code: 429, message: "slow" } }, limited),
  row("200 with an overload inside", 200, anthropic("overloaded_error", "Overloaded"), overloaded),
  row("200 with a quota inside", 200, openai("q", "insufficient_quota", "insufficient_quota"), quota),
  row("200 with a wrong key inside", 200, openai("k", "authentication_error"), unauthorized),
  row("200 with a Gemini error in an array", 200, [gemini(503, "UNAVAILABLE", "busy")], overloaded),
  row("200 with a bare text as error", 200, { error: "something broke" }, fault),
  row("200 with the error in a choice", 200, {
    choices: [{ error: { code: 502, message: "upstream" }, finish_reason: "error", message: { content: "" } }]
  }, fault),
  row("200 in HTML", 200, "<!doctype html><title>Welcome</title>", malformed),
  row("200 with nothing", 200, "", malformed),
  row("200 with blank lines only", 200, "\n\n\n", malformed),
  row("200 with other JSON", 200, { status: "ok" }, malformed),
  row("200 without choices", 200, { id: "a", choices: [] }, malformed),
  row("200 with a choice that is no object", 200, { choices: [null] }, malformed),
  row("200 with plain text", 200, "pong", malformed),
  row("200 with an event stream", 200, "data: {}\n\ndata: [DONE]\n\n", malformed),
  row("200 that gave up without a word", 200, {
    choices: [{ index: 0, message: { role: "assistant", content: "" }, finish_reason: null }]
  }, malformed),
  row("200 with half of its JSON", 200, "{\"id\":\"a\",\"choices\":[{\"message\":{\"content\":\"Hel", {
    ...fault,
    tag: "Truncated",
    blame: "network"
  }),
  row("302 to elsewhere", 302, "", { ...malformed, retries: "no" }, { location: "https://example.com/" })
]
