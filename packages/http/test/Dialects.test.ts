import { assert, describe, it } from "@effect/vitest"
import { RateLimiter } from "@switchgear/core"
import { ChatClient, ChatError, Dialects, ProviderLimits } from "@switchgear/http"
import { Cause, Duration, Effect, Exit, Redacted, Schema } from "effect"
import { clientOf } from "./support/clientOf.ts"

const at = { provider: "acme", model: "m", headers: {} }
const textOf = (body: unknown): string => typeof body === "string" ? body : JSON.stringify(body)

/** The error of a failed response, or of what is inside a reply that claims to be a success. */
const errorOf = (
  status: number,
  body: unknown,
  more: Partial<ChatError.FailedResponse> = {}
): ChatError.ChatError => {
  const response = { ...at, status, body: textOf(body), ...more }
  return status >= 200 && status <= 299 ? ChatError.fromReply(response, body)! : ChatError.fromResponse(response)
}

const said = (message: string, type: string | null = null, code: string | null = null) => ({
  error: { message, type, param: null, code }
})

describe("the table of dialects", () => {
  it.each(Dialects.rows.map((row, i) => [`${i}`, row.class, row.provider, row] as const))(
    "decides by row %s, %s of %s, on its example",
    (_, __, ___, row) => {
      const [status, body] = row.example
      const error = errorOf(status, body)
      // Another row of the same class would make this one dead.
      assert.strictEqual(ChatError.dialectOf({ status, body: textOf(body) }), row)
      assert.strictEqual(error._tag, row.class)
      if (error._tag === "QuotaExhausted") assert.strictEqual(error.scope, row.scope ?? "account")
      if (row.retries !== undefined) assert.strictEqual(error.isRetryable, row.retries === "yes")
      assert.match(row.source, /^https:\/\/|#\d+$|: .*\.(ts|py)$|: tools\/server$/)
    }
  )

  it("passes the checks of a user's rows, so that none contradicts another", () => {
    Dialects.make(Dialects.rows)
  })

  it("has every class", () => {
    const classes = new Set(Dialects.rows.map((row) => row.class))
    assert.deepStrictEqual(Dialects.Class.literals.filter((name) => !classes.has(name)), [])
  })
})

/** Wordings that reports quote, beside those of the rows: status, body, class. */
const heard: ReadonlyArray<readonly [string, number, unknown, ChatError.ChatError["_tag"]]> = [
  // Spent money, in other words.
  ["Anthropic's extra usage", 400, said("You're out of extra usage.", "invalid_request_error"), "QuotaExhausted"],
  [
    "Anthropic's workspace",
    400,
    said("You have reached your specified workspace API usage limits.", "invalid_request_error"),
    "QuotaExhausted"
  ],
  ["LiteLLM's budget", 400, said("ExceededBudget: User=abc over budget. Spend=1.1, Budget=1.0"), "QuotaExhausted"],
  ["aihubmix", 403, said("预扣费额度失败, 用户剩余额度: 0.01", "aihubmix_api_error"), "QuotaExhausted"],
  ["points", 403, said("您的积分不足"), "QuotaExhausted"],
  ["traditional Chinese", 403, said("餘額不足"), "QuotaExhausted"],
  ["Spanish", 403, said("Saldo insuficiente, recargue su cuenta"), "QuotaExhausted"],
  ["Russian", 403, said("Недостаточно средств на балансе."), "QuotaExhausted"],
  ["Japanese", 403, said("クレジット残高が不足しています。"), "QuotaExhausted"],
  ["Korean", 403, said("잔액이 부족합니다."), "QuotaExhausted"],
  ["Cloudflare", 429, { errors: [{ message: "you have used up your daily free allocation" }] }, "QuotaExhausted"],
  // A conversation that does not fit, in other words.
  [
    "Yi",
    400,
    said("the prompt and max_tokens exceed the model's limit of 16384", "invalid_request_error"),
    "ContextTooLong"
  ],
  [
    "Hunyuan",
    400,
    said("input_len(30000) exceeds max_input_len(28000)", null, "InvalidParameterValue.TokenExceed"),
    "ContextTooLong"
  ],
  ["Novita", 400, said("the sum of prompt tokens and max_tokens must not exceed 8192"), "ContextTooLong"],
  ["Stepfun", 400, said("输入的tokens数量超过模型限制"), "ContextTooLong"],
  ["French", 400, said("La longueur du contexte maximale est dépassée"), "ContextTooLong"],
  [
    "Spanish",
    400,
    said("La solicitud supera la longitud máxima de contexto del modelo (8192 tokens)."),
    "ContextTooLong"
  ],
  ["French of a window", 400, said("La requête dépasse la fenêtre de contexte du modèle."), "ContextTooLong"],
  ["Portuguese", 400, said("A entrada excede o limite de tokens do modelo."), "ContextTooLong"],
  ["Japanese", 400, said("入力が長すぎます。トークン数を減らしてください。"), "ContextTooLong"],
  ["Korean", 400, said("입력 토큰 수가 모델의 최대 한도를 초과했습니다."), "ContextTooLong"],
  ["Turkish", 400, said("İstek modelin bağlam penceresini aşıyor: bağlam uzunluğu 8192"), "ContextTooLong"],
  [
    "Chinese with a type",
    400,
    said("输入的内容超出了模型支持的最大token数", "invalid_request_error"),
    "ContextTooLong"
  ],
  [
    "Yandex",
    400,
    { error: { grpcCode: 3, message: "number of input tokens must be no more than 7400, got 9000" } },
    "ContextTooLong"
  ],
  [
    "GigaChat in a 413",
    413,
    { status: 413, message: "Payload too large: prompt tokens exceeded limit" },
    "ContextTooLong"
  ],
  ["Snowflake", 400, { message: "max tokens of 4096 exceeded", code: "390142" }, "ContextTooLong"],
  [
    "OpenAI's other interface",
    400,
    said("This model is only supported in v1/responses", "invalid_request_error"),
    "ModelNotFound"
  ],
  ["Cloudflare's capacity", 429, { errors: [{ code: 3040, message: "Capacity temporarily exceeded" }] }, "Overloaded"],
  ["StepFun's filter in a 451", 451, said("The content is blocked.", "censorship_blocked"), "ContentBlocked"],
  [
    "LiteLLM's name of a filter",
    400,
    said("litellm.ContentPolicyViolationError: AzureException - filtered", null, "400"),
    "ContentBlocked"
  ],
  ["watsonx", 403, { errors: [{ code: "token_quota_reached", message: "Token quota reached" }] }, "QuotaExhausted"],
  ["Databricks", 429, { error_code: "REQUEST_LIMIT_EXCEEDED", message: "Exceeded" }, "ProviderRateLimited"],
  // Tokens of a minute are a rate in every language.
  ["Spanish of a rate", 429, said("Se superó el límite de tokens por minuto del modelo"), "ProviderRateLimited"],
  ["Japanese of a rate", 429, said("1分あたりの入力トークン数の上限を超えました"), "ProviderRateLimited"],
  ["Korean of a rate", 429, said("분당 토큰 한도를 초과했습니다"), "ProviderRateLimited"],
  ["Chinese of a rate", 429, said("每分钟 token 数超过上限"), "ProviderRateLimited"],
  // Spent money in still other languages, and with an account between the words.
  ["Chinese with a sum", 400, said("账户余额 ￥-0.01，请先充值"), "QuotaExhausted"],
  ["Italian", 403, said("Credito esaurito"), "QuotaExhausted"],
  ["Turkish", 403, said("Yetersiz bakiye"), "QuotaExhausted"],
  ["Vietnamese", 403, said("Số dư tài khoản không đủ"), "QuotaExhausted"],
  ["Ukrainian", 403, said("Недостатньо коштів на рахунку"), "QuotaExhausted"],
  ["Polish", 403, said("Brak środków na koncie"), "QuotaExhausted"],
  [
    "Moonshot of a named account",
    403,
    said("Your account org<ak-1> is suspended, please check your plan and billing details", "permission_denied_error"),
    "QuotaExhausted"
  ],
  ["Mistral's month", 429, { message: "Monthly request limit exceeded", object: "error" }, "QuotaExhausted"],
  ["a budget of a proxy", 429, { error: "Request was denied: monthly budget reached" }, "QuotaExhausted"],
  ["Cloudflare's key", 400, { errors: [{ code: 10_000, message: "Authentication error" }] }, "Unauthorized"],
  ["an account that has a name", 403, said("Account acme is suspended"), "Unauthorized"],
  ["Baidu's filter", 200, { error_code: 336_104, error_msg: "the content contains sensitive words" }, "ContentBlocked"],
  ["Gemini's refusal of a prompt", 200, { promptFeedback: { blockReason: "PROHIBITED_CONTENT" } }, "ContentBlocked"],
  ["Gemini's refusal for another reason", 200, { promptFeedback: { blockReason: "OTHER" } }, "ContentBlocked"],
  [
    "Japanese of a filter",
    400,
    said("不適切なコンテンツが検出されました", "invalid_request_error"),
    "ContentBlocked"
  ],
  // What this model cannot do, and another one may.
  [
    "a model without eyes",
    400,
    said("This model does not support image input", "invalid_request_error"),
    "ModelNotFound"
  ],
  ["a model without tools", 400, said("x does not support tools", "api_error"), "ModelNotFound"],
  [
    "a server that parses no tools",
    400,
    said("\"auto\" tool choice requires --enable-auto-tool-choice", "BadRequestError"),
    "ModelNotFound"
  ],
  [
    "a short answer of OpenAI",
    400,
    said("max_tokens is too large: 32000.", "invalid_request_error", "invalid_value"),
    "ModelNotFound"
  ],
  [
    "a short answer of Anthropic",
    400,
    said("max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens", "invalid_request_error"),
    "ModelNotFound"
  ],
  ["DeepSeek", 400, said("the valid range of max_tokens is [1, 8192]", "invalid_request_error"), "ModelNotFound"],
  ["one-api", 503, said("当前分组 default 下对于模型 x 无可用渠道", "one_api_error"), "ModelNotFound"],
  ["LiteLLM's list of models", 401, said("key not allowed to access model.", "auth_error"), "ModelNotFound"],
  ["the end of a model", 400, said("This model version has reached the end of its life."), "ModelNotFound"],
  // Keys and filters, in other words.
  ["Bedrock's key", 403, { Message: "Authentication failed: Please make sure your API Key is valid." }, "Unauthorized"],
  ["a key in French", 403, said("Clé API invalide"), "Unauthorized"],
  ["Bedrock's guardrail", 400, said("Violated guardrail policy", null, "400"), "ContentBlocked"],
  ["Portkey's guardrail", 446, said("The checks failed.", "hooks_failed"), "ContentBlocked"],
  ["Tencent's filter", 400, said("内容涉嫌违规"), "ContentBlocked"],
  // Spent money.
  ["DeepSeek in a 402", 402, said("Insufficient Balance", "unknown_error", "invalid_request_error"), "QuotaExhausted"],
  ["xAI in a 429", 429, { code: "x", error: "Your team has used all available credits" }, "QuotaExhausted"],
  [
    "xAI of a subscription",
    403,
    { code: "x", error: "You have run out of credits or need a subscription" },
    "QuotaExhausted"
  ],
  ["new-api in Chinese", 403, said("令牌额度已用尽", "new_api_error"), "QuotaExhausted"],
  ["an account in arrears", 400, said("Access denied: the account is in arrears"), "QuotaExhausted"],
  [
    "Azure's call volume",
    403,
    said("Out of call volume quota. Quota will be replenished in 02:12:33.", null, "403"),
    "QuotaExhausted"
  ],
  [
    "OpenRouter's credits",
    402,
    { error: { message: "This request requires more credits", code: 402 } },
    "QuotaExhausted"
  ],
  ["Hugging Face", 402, { error: "You have exceeded your monthly included credits" }, "QuotaExhausted"],
  ["Kimi's plan", 403, said("You've reached your usage limit for this billing cycle"), "QuotaExhausted"],
  [
    "Cohere's trial key",
    429,
    { message: "You are using a Trial key, limited to 1000 API calls / month" },
    "QuotaExhausted"
  ],
  [
    "LiteLLM's budget",
    400,
    said("Budget has been exceeded! Current cost: 10, Max budget: 5", "budget_exceeded"),
    "QuotaExhausted"
  ],
  ["a gateway that wraps it as text", 500, {
    error: { message: textOf(said("spent", "insufficient_quota", "insufficient_quota")) }
  }, "QuotaExhausted"],
  // The key.
  ["a leaked key in a gateway's error", 403, {
    error: {
      message: textOf({
        error: { code: 403, message: "Your API key was reported as leaked.", status: "PERMISSION_DENIED" }
      }),
      code: 403,
      status: "Forbidden"
    }
  }, "Unauthorized"],
  ["a suspended consumer", 403, {
    error: {
      code: 403,
      message: "Consumer has been suspended.",
      status: "PERMISSION_DENIED",
      details: [{ reason: "CONSUMER_SUSPENDED" }]
    }
  }, "Unauthorized"],
  ["a key that has expired", 400, {
    error: { code: 400, message: "API key expired. Please renew the API key.", status: "INVALID_ARGUMENT" }
  }, "Unauthorized"],
  ["xAI's wrong key", 400, {
    code: "Client specified an invalid argument",
    error: "Incorrect API key provided: xa***oo."
  }, "Unauthorized"],
  // A conversation that does not fit.
  ["vLLM", 400, {
    object: "error",
    message: "This model's maximum context length is 4096 tokens. However, you requested 5000",
    type: "BadRequestError",
    code: 400
  }, "ContextTooLong"],
  [
    "Together in a 422",
    422,
    said("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097.", "invalid_request_error"),
    "ContextTooLong"
  ],
  ["Cerebras", 400, said("Please reduce the length. Current length is 9000 while limit is 8192"), "ContextTooLong"],
  [
    "GitHub Models in a 413",
    413,
    said("Request body too large for gpt-4o model. Max size: 8000 tokens.", null, "tokens_limit_reached"),
    "ContextTooLong"
  ],
  ["Gemini", 400, {
    error: {
      code: 400,
      message: "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",
      status: "INVALID_ARGUMENT"
    }
  }, "ContextTooLong"],
  ["LM Studio", 400, {
    error: "The number of tokens to keep from the initial prompt is greater than the context length."
  }, "ContextTooLong"],
  ["OpenRouter, from behind", 400, {
    error: {
      code: 400,
      message: "Provider returned error",
      metadata: { raw: textOf({ message: "Input is too long for requested model." }) }
    }
  }, "ContextTooLong"],
  ["Mistral", 400, {
    object: "error",
    message: "Prompt contains 65673 tokens, too large for model with 32768 maximum context length",
    type: "invalid_request_error"
  }, "ContextTooLong"],
  [
    "DashScope",
    400,
    said("Range of input length should be [1, 30720]", "invalid_request_error", "invalid_parameter_error"),
    "ContextTooLong"
  ],
  // Content.
  [
    "DeepSeek's filter",
    400,
    said("Content Exists Risk", "invalid_request_error", "invalid_request_error"),
    "ContentBlocked"
  ],
  ["OpenRouter's moderation", 403, {
    error: { code: 403, message: "no", metadata: { reasons: ["violence"], flagged_input: "x" } }
  }, "ContentBlocked"],
  ["xAI's guidelines", 403, { code: "x", error: "Content violates usage guidelines." }, "ContentBlocked"],
  ["a filter in Chinese", 400, said("输入包含敏感信息"), "ContentBlocked"],
  // The model.
  ["OpenRouter's name", 400, { error: { message: "acme/m is not a valid model ID", code: 400 } }, "ModelNotFound"],
  [
    "Bedrock's access",
    403,
    { message: "You don't have access to the model with the specified model ID." },
    "ModelNotFound"
  ],
  ["a 410", 410, said("The model has reached its end of life"), "ModelNotFound"],
  ["Vertex", 404, {
    error: {
      code: 404,
      message: "Publisher Model was not found or your project does not have access to it",
      status: "NOT_FOUND"
    }
  }, "ModelNotFound"],
  // A rate, and overload.
  [
    "Groq in a 413",
    413,
    said(
      "Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 6500",
      "tokens",
      "rate_limit_exceeded"
    ),
    "ProviderRateLimited"
  ],
  [
    "Bedrock's throttling in a 400",
    400,
    { message: "Too many tokens, please wait before trying again." },
    "ProviderRateLimited"
  ],
  ["Bedrock's throttling behind a gateway", 429, said("Too many tokens"), "ProviderRateLimited"],
  ["Bedrock's minute in a 400", 400, said("Too many tokens per minute"), "ProviderRateLimited"],
  [
    "Bedrock's day without its type",
    429,
    { message: "Too many tokens per day, please wait before trying again." },
    "QuotaExhausted"
  ],
  ["a minute at Vertex", 429, {
    error: {
      code: 429,
      message: "Quota exceeded for generate_content_requests_per_minute",
      status: "RESOURCE_EXHAUSTED"
    }
  }, "ProviderRateLimited"],
  ["Mistral's capacity", 429, {
    object: "error",
    message: "Service tier capacity exceeded for this model.",
    type: "invalid_request_error",
    code: "3505"
  }, "Overloaded"],
  ["Zhipu's capacity", 429, said("该模型当前访问量过大，请您稍后再试", null, "1305"), "Overloaded"],
  // The caller's own.
  [
    "an unsupported parameter with a wording of money",
    400,
    said("'insufficient balance' is no value", "invalid_request_error", "invalid_value"),
    "InvalidRequest"
  ],
  [
    "a list of faults",
    422,
    { detail: [{ loc: ["body", "n"], msg: "insufficient balance", input: 7 }] },
    "InvalidRequest"
  ]
]

describe("a provider's words", () => {
  it.each(heard)("of %s have their class", (_, status, body, tag) => {
    assert.strictEqual(errorOf(status, body)._tag, tag)
  })

  it("are looked for only where no code tells", () => {
    const wording = "Your credit balance is too low"
    assert.strictEqual(errorOf(400, said(wording))._tag, "QuotaExhausted")
    assert.strictEqual(errorOf(400, said(wording, null, "context_length_exceeded"))._tag, "ContextTooLong")
    assert.strictEqual(errorOf(429, said(wording, null, "rate_limit_exceeded"))._tag, "ProviderRateLimited")
  })

  it("are the same words however a provider writes them", () => {
    for (
      const code of ["INSUFFICIENT_BALANCE", "InsufficientBalance", "insufficient-balance", "insufficient balance"]
    ) {
      assert.strictEqual(errorOf(403, said("no", null, code))._tag, "QuotaExhausted", code)
    }
    for (const message of ["INSUFFICIENT   balance", "insufficient\nbalance", "“Insufficient” `balance`"]) {
      assert.strictEqual(errorOf(400, said(message))._tag, "QuotaExhausted", message)
    }
    assert.strictEqual(errorOf(400, said("A noninsufficient balanced diet"))._tag, "ProviderFault")
  })

  it.prop("move on to the next model, or are known to be the caller's", {
    status: Schema.Int.check(Schema.isBetween({ minimum: 400, maximum: 499 })),
    message: Schema.String
  }, ({ message, status }) => {
    const error = errorOf(status, said(message))
    // Nothing that no row knows stops a cascade, is asked again, or speaks of the model's health.
    if (ChatError.dialectOf({ status, body: textOf(said(message)) }) === undefined) {
      assert.strictEqual(ChatError.movesOn(error), "yes")
      assert.strictEqual(ChatError.retries(error), "no")
      assert.isFalse(ChatError.countsOnBreaker(error))
      assert.isFalse(ChatError.possiblyBilled(error) && status !== 409 && status !== 424)
    }
  })
})

describe("a conversation that a provider quotes", () => {
  const words = ["code", "reason", "type", "grpcStatus"] as const
  const parking = Dialects.rows.flatMap((row) =>
    words.every((kind) => row[kind] === undefined) && (row.class === "QuotaExhausted" || row.class === "Unauthorized")
      ? (Array.isArray(row.says) ? row.says as ReadonlyArray<string> : []).map((says) => says.replaceAll("*", "xyz"))
      : []
  )
  const quoting = (prompt: string, status: number) =>
    errorOf(status, said(`Invalid content: '${prompt}' at messages.0`), {
      secrets: { apiKey: undefined, prompt: [prompt] }
    })

  it("parks no key, whichever wording is in it", () => {
    assert.isAbove(parking.length, 200)
    for (const wording of parking) {
      const prompt = `Dear shop, my Quarzlinsen say ${wording} since Tuesday, Mrs Lindqvist`
      for (const status of [400, 403]) {
        const error = quoting(prompt, status)
        assert.isFalse(ChatError.parksKey(error), `${status} ${wording}: ${error._tag}`)
      }
    }
  })

  it("parks no key, also where it has no other words than the provider", () => {
    for (const wording of parking) {
      for (const quote of [wording, wording.toUpperCase(), `${wording}\nplease`, `${wording}. What`]) {
        for (const status of [400, 403]) {
          const error = errorOf(status, said(`Invalid content: '${quote}'`), {
            secrets: { apiKey: undefined, prompt: [`${wording}\nplease help`, `${wording}. What now?`] }
          })
          assert.isFalse(ChatError.parksKey(error), `${status} ${quote}: ${error._tag}`)
          assert.strictEqual(ChatError.movesOn(error), "yes")
        }
      }
    }
  })

  it("changes nothing where the status says it all", () => {
    const error = errorOf(401, said("Invalid API key"), { secrets: { apiKey: undefined, prompt: ["invalid api key"] } })
    assert.strictEqual(error._tag, "Unauthorized")
  })

  it("and speaks of the same thing as the provider itself moves on, and parks no key", () => {
    const message = "Your credit balance is too low to access the API"
    const error = errorOf(400, said(message, "invalid_request_error"), {
      secrets: { apiKey: undefined, prompt: [`What does "${message}" mean?`] }
    })
    assert.isFalse(ChatError.parksKey(error))
    assert.strictEqual(ChatError.movesOn(error), "yes")
  })

  it("and has nothing of what the provider says changes nothing", () => {
    const error = errorOf(400, said("Your credit balance is too low", "invalid_request_error"), {
      secrets: { apiKey: undefined, prompt: ["Where is my parcel? I paid from my balance of credits."] }
    })
    assert.strictEqual(error._tag, "QuotaExhausted")
  })
})

describe("rows of a user", () => {
  const row: Dialects.Dialect = { class: "QuotaExhausted", status: 418, says: "teapot * empty" }
  const body = { error: { message: "The teapot is, alas, empty" } }

  it("classify what the library does not know", () => {
    const dialects = Dialects.make([row])
    assert.strictEqual(errorOf(418, body)._tag, "ProviderFault")
    assert.strictEqual(errorOf(418, body, { dialects })._tag, "QuotaExhausted")
    assert.strictEqual(ChatError.dialectOf({ status: 418, body: textOf(body), dialects }), row)
  })

  it("go before the rows of the library with the same kind of words, and not before better evidence", () => {
    const code = Dialects.make([{ class: "Overloaded", code: "insufficient_quota" }])
    assert.strictEqual(errorOf(429, said("no", null, "insufficient_quota"), { dialects: code })._tag, "Overloaded")
    const wording = Dialects.make([{ class: "Overloaded", says: "exceeded your current quota" }])
    const spent = said("You exceeded your current quota", null, "insufficient_quota")
    assert.strictEqual(errorOf(429, spent, { dialects: wording })._tag, "QuotaExhausted")
    assert.strictEqual(errorOf(429, said("You exceeded your current quota"), { dialects: wording })._tag, "Overloaded")
  })

  it("with more conditions go before those with fewer, in whichever order they are given", () => {
    const rows: ReadonlyArray<Dialects.Dialect> = [
      { class: "Overloaded", code: "x" },
      { class: "Forbidden", code: "x", status: 403 },
      { class: "ModelNotFound", code: "x", says: "no such thing" }
    ]
    for (const given of [rows, [...rows].reverse()]) {
      const dialects = Dialects.make(given)
      assert.strictEqual(errorOf(400, said("y", null, "x"), { dialects })._tag, "Overloaded")
      assert.strictEqual(errorOf(403, said("y", null, "x"), { dialects })._tag, "Forbidden")
      assert.strictEqual(errorOf(403, said("no such thing", null, "x"), { dialects })._tag, "ModelNotFound")
    }
  })

  it("say how often the model is asked again", () => {
    const dialects = Dialects.make([{ class: "Overloaded", code: "x", retries: "no" }])
    assert.strictEqual(ChatError.retries(errorOf(503, said("y", null, "x"), { dialects })), "no")
  })

  it.effect("are an option of the client", () =>
    Effect.gen(function*() {
      const client = yield* clientOf(() => new Response(textOf(body), { status: 418 }), { dialects: [row] })
      const error = yield* Effect.flip(client.complete({ model: "m", messages: [] }))
      assert.strictEqual(error._tag, "QuotaExhausted")
    }))

  const bad: ReadonlyArray<readonly [unknown, string]> = [
    [{}, "dialects must be a list of rows, got {}"],
    [[7], "dialects[0] must be a row, got 7"],
    [[{ class: "Quota", status: 418 }], "dialects[0].class must be one of InvalidRequest, "],
    [[{ class: "Quota", status: 418 }], ", ConnectFailed, got \"Quota\""],
    [[row, { status: 418 }], "dialects[1].class must be one of "],
    [
      [{ class: "Overloaded", status: 200 }],
      "dialects[0].status must be a whole number from 400 to 599, or a list of at least one, got 200"
    ],
    [
      [{ class: "Overloaded", status: [503, 600] }],
      "dialects[0].status must be a whole number from 400 to 599, or a list of at least one, got [503,600]"
    ],
    [[{ class: "Overloaded", status: [] }], "dialects[0].status must be a whole number from 400"],
    [[{ class: "Overloaded", status: "503" }], "dialects[0].status must be a whole number from 400"],
    [[{ class: "Overloaded", code: "" }], "dialects[0].code must be a text of 1 to 200 characters"],
    [[{ class: "Overloaded", code: "*" }], "dialects[0].code must be a text of 1 to 200 characters with a letter"],
    [[{ class: "Overloaded", code: 503 }], "dialects[0].code must be a text"],
    [
      [{ class: "Overloaded", says: "*" }],
      "dialects[0].says must be a text of at most 200 characters with at least 4 letters"
    ],
    [[{ class: "Overloaded", says: "a b" }], "dialects[0].says must be"],
    [[{ class: "Overloaded", says: "x".repeat(201) }], "dialects[0].says must be"],
    [
      [{ class: "Overloaded" }],
      "dialects[0] must be a row with at least one condition: status, code, reason, type, grpcStatus, says"
    ],
    [[{ class: "Overloaded", status: 503, when: "x" }], "dialects[0] has no \"when\". There are: class, status, code"],
    [
      [{ class: "Overloaded", status: 503, scope: "model" }],
      "dialects[0].scope must be left out: only QuotaExhausted has one, got \"model\""
    ],
    [[{ class: "Overloaded", status: 503, retries: true }], "dialects[0].retries must be \"yes\" or \"no\", got true"],
    [
      [{ class: "Overloaded", code: "x_y" }, row, { class: "Forbidden", code: ["a", "X-Y"] }],
      "dialects[2] must not contradict dialects[0]: both are for {\"code\":\"x_y\"}, got Overloaded and Forbidden"
    ],
    [
      [{ class: "Overloaded", status: [503, 529] }, { class: "ProviderFault", status: 529 }],
      "dialects[1] must not contradict dialects[0]: both are for {\"status\":[503,529]}, got Overloaded and ProviderFault"
    ],
    [
      [{ class: "QuotaExhausted", says: "All  used up" }, {
        class: "QuotaExhausted",
        says: "all used UP",
        scope: "model"
      }],
      "dialects[1] must not contradict dialects[0]"
    ],
    [
      [{ class: "Overloaded", code: "quota*" }, row, { class: "Forbidden", code: ["a", "Quota_Exceeded"] }],
      "dialects[2] must not contradict dialects[0]: both are for {\"code\":\"quota*\"}, got Overloaded and Forbidden"
    ],
    [
      [{ class: "Overloaded", type: "x*y" }, { class: "Forbidden", type: "x**y" }],
      "dialects[1] must not contradict dialects[0]"
    ],
    [
      [{ class: "Overloaded", says: "used up" }, { class: "Forbidden", says: "all of it * used up for today" }],
      "dialects[1] must not contradict dialects[0]: both are for {\"says\":\"used up\"}, got Overloaded and Forbidden"
    ],
    [
      [{ ...row, example: [418, "kettle"] }],
      "dialects[0].example must be a failure that the row decides, got one that no row knows"
    ],
    [
      [{ class: "Forbidden", says: "teapot", example: [400, said("teapot", null, "insufficient_quota")] }],
      "dialects[0].example must be a failure that the row decides, got one that another row makes QuotaExhausted"
    ]
  ]
  it.effect.each(bad)("are refused by name, value and range: %#", ([dialects, message]) =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(clientOf(() => new Response(), { dialects: dialects as never }))
      const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(defect, RangeError)
      assert.include((defect as RangeError).message, message)
      assert.match((defect as RangeError).message, /^ChatClient\.make: dialects/)
    }))

  it("may overlap where one is more precise, or where they agree", () => {
    Dialects.make([{ class: "Overloaded", code: "x" }, { class: "Forbidden", code: "x", status: 403 }])
    Dialects.make([{ class: "Overloaded", code: "x" }, { class: "Overloaded", code: ["x", "y"] }])
    Dialects.make([{ class: "Overloaded", status: 503 }, { class: "Forbidden", status: 403 }])
    Dialects.make([{ class: "Overloaded", code: "quota_exceeded" }, { class: "Forbidden", code: "quota*" }])
    Dialects.make([{ class: "Overloaded", says: "used up today" }, { class: "Forbidden", says: "used up" }])
    Dialects.make([{ class: "Overloaded", code: "x*" }, { class: "Forbidden", code: "*y" }])
  })
})

describe("a wording", () => {
  const matches = (says: string, message: string): boolean =>
    errorOf(418, said(message), { dialects: Dialects.make([{ class: "Forbidden", says }]) })._tag === "Forbidden"

  it("bridges up to 120 characters with a star", () => {
    assert.isTrue(matches("first * last", `first ${"x".repeat(118)} last`))
    assert.isFalse(matches("first * last", `first ${"x".repeat(119)} last`))
    assert.isTrue(matches("first * last", `first ${"x".repeat(500)} first yz last`))
    assert.isFalse(matches("first * last", "last first"))
  })

  it("matches whole words, unless a star touches it", () => {
    assert.isFalse(matches("teapot", "teapots"))
    assert.isTrue(matches("teapot*", "teapots"))
    assert.isFalse(matches("teapot*", "steapots"))
    assert.isTrue(matches("*teapot", "steapot"))
    assert.isTrue(matches("茶壶空了", "您的茶壶空了。"))
  })

  // Splits at stars and tries all ways: slow, and plainly right.
  const slowly = (pieces: ReadonlyArray<string>, text: string, from: number, widest: number): boolean => {
    const [piece, ...others] = pieces
    if (piece === undefined) return true
    for (let at = from; at <= Math.min(from + widest, text.length - piece.length); at++) {
      if (text.startsWith(piece, at) && slowly(others, text, at + piece.length, 120)) return true
    }
    return false
  }
  it.prop("is found where trying all ways finds it", {
    pieces: Schema.NonEmptyArray(Schema.Literals(["-a-", "-b-", "--", "-ab-"])),
    words: Schema.Array(Schema.Literals(["-a-", "-b-", "--", "-ab-", "-", "+".repeat(60), "+".repeat(121)]))
  }, ({ pieces, words }) => {
    const text = `|${words.join("")}|`
    const says = `:::: * ${pieces.join(" * ")}`
    assert.strictEqual(matches(says, `::::${text}`), slowly(pieces, text, 0, 120))
  })

  it("is found in time that grows with the sentence alone, whatever the sentence", () => {
    const hostile = [
      "a ".repeat(2048),
      "quota ".repeat(700),
      "input length ".repeat(320),
      "9".repeat(4096),
      "reset at 2026-".repeat(300),
      "try again in 1".repeat(300)
    ]
    // Far above what it takes, and far below what a pattern that is not linear takes.
    for (const message of hostile) {
      const began = process.cpuUsage()
      for (let i = 0; i < 10; i++) errorOf(418, said(message))
      const { user } = process.cpuUsage(began)
      assert.isBelow(user / 10, 50_000, message.slice(0, 20))
    }
  })
})

describe("a wait is read", () => {
  const now = Date.parse("2026-11-29T12:00:00Z")
  const wait = (status: number, headers: Readonly<Record<string, string>>, body: unknown = said("no")) => {
    const { retryAfter } = errorOf(status, body, { headers, now })
    return retryAfter && Duration.toMillis(retryAfter)
  }
  const sentences: ReadonlyArray<readonly [string, number | undefined]> = [
    ["Please try again in 7m12s.", 432_000],
    ["Try again in 1 minute", 60_000],
    ["Please retry in 46.3s.", 46_300],
    ["Please retry after 26 seconds.", 26_000],
    ["Please wait 41352 seconds before retrying.", 41_352_000],
    ["Try again in 2 hours and 5 minutes.", 7_500_000],
    ["Your quota will reset after 114h17m51s.", 411_471_000],
    ["Quota will be replenished in 02:12:33.", 7_953_000],
    ["Rate limit resets in 12 seconds", 12_000],
    ["Your limit will reset at 2026-11-29 14:56:15", 10_575_000],
    ["You will regain access on 2026-12-01 at 00:00 UTC.", 129_600_000],
    ["Limit resets at: 2026-11-29 12:55:29 UTC", 3_329_000],
    ["Resets on 2026-12-01", 129_600_000],
    ["available again at 2026-11-29T15:00:00+02:00", 3_600_000],
    ["请在 30 秒后重试", 30_000],
    ["请 5 分钟后再试", 300_000],
    ["您的限额将在 2026-11-29 13:00:00 重置", 3_600_000],
    ["Please wait one hour before retrying", 3_600_000],
    ["Please retry after a minute", 60_000],
    ["Please try again in two minutes.", 120_000],
    ["Limit resets at 13:00 UTC", 3_600_000],
    ["5-hour limit reached, resets 1pm (UTC)", 3_600_000],
    ["resets 1:30 AM UTC", 48_600_000],
    ["Quota resets daily at midnight UTC", 43_200_000],
    [`It resets at ${now / 1000 + 90}`, 90_000],
    ["Try again at Sun, 29 Nov 2026 13:00:00 GMT", 3_600_000],
    ["将于 2026-11-29 21:00:00 重置（北京时间）", 3_600_000],
    ["30秒後に再試行してください", 30_000],
    ["30초 후에 다시 시도하세요", 30_000],
    ["Veuillez réessayer dans 2 minutes", 120_000],
    ["Bitte versuchen Sie es in 2 Stunden erneut", 7_200_000],
    ["Inténtelo de nuevo en 30 segundos", 30_000],
    ["Повторите попытку через 5 минут", 300_000],
    ["Спробуйте ще раз через 30 секунд", 30_000],
    ["Спробуйте через 2 години", 7_200_000],
    ["Spróbuj ponownie za 30 sekund", 30_000],
    ["Spróbuj ponownie za 2 godziny", 7_200_000],
    ["30 saniye sonra tekrar deneyin", 30_000],
    ["2 saat sonra tekrar deneyin", 7_200_000],
    ["Vui lòng thử lại sau 30 giây", 30_000],
    ["Vui lòng thử lại sau 2 giờ", 7_200_000],
    ["Probeer het over 5 minuten opnieuw", 300_000],
    ["Probeer het over 2 uur opnieuw", 7_200_000],
    ["将于2小时后恢复", 7_200_000],
    ["Resets at 1pm", undefined],
    ["Resets at 13:00 UTC+8", undefined],
    ["Wait a few minutes", undefined],
    ["Limit of 5 requests in 30 seconds", undefined],
    ["Vous avez envoyé 60 requêtes en 30 secondes", undefined],
    ["Your limit did reset at 2026-11-28 14:56:15", undefined],
    ["Your limit will reset at 2036-11-28 14:56:15", undefined],
    ["Try again in 99999 days", undefined],
    ["Try again in 2 months", undefined],
    ["Try again later", undefined],
    ["We kept your data for 30 days", undefined]
  ]
  it.each(sentences)("from the sentence %j", (message, millis) => {
    assert.strictEqual(wait(429, {}, said(message)), millis)
  })

  const spent = { "x-ratelimit-remaining": "0" }
  const headers: ReadonlyArray<readonly [string, Readonly<Record<string, string>>, number | undefined]> = [
    ["seconds", { ...spent, "x-ratelimit-reset": "17" }, 17_000],
    ["seconds since 1970", { ...spent, "x-ratelimit-reset": String(now / 1000 + 90) }, 90_000],
    ["milliseconds since 1970", { ...spent, "x-ratelimit-reset": String(now + 90_000) }, 90_000],
    ["a time since 1970 that is past", { ...spent, "x-ratelimit-reset": String(now / 1000 - 90) }, undefined],
    ["a time since 1970 that is absurd", { ...spent, "x-ratelimit-reset": String(now * 2) }, undefined],
    ["a negative number", { ...spent, "x-ratelimit-reset": "-3" }, undefined],
    ["millionths of a second since 1970", { ...spent, "x-ratelimit-reset": `${now + 90_000}000` }, 90_000],
    ["a duration of ISO 8601", { ...spent, "x-ratelimit-reset": "PT1M30S" }, 90_000],
    ["a date of HTTP", { ...spent, "x-ratelimit-reset": "Sun, 29 Nov 2026 12:01:30 GMT" }, 90_000],
    ["the IETF's one header", { ratelimit: "limit=100, remaining=0, reset=30" }, 30_000],
    ["the IETF's later form", { ratelimit: "\"default\";r=0;t=30" }, 30_000],
    ["the IETF's one header of a limit with something left", { ratelimit: "\"default\";r=9;t=30" }, undefined],
    ["the IETF's later form of several limits, of which the last is spent", {
      ratelimit: "\"burst\";r=9;t=1, \"daily\";r=0;t=30"
    }, 30_000],
    ["the IETF's later form of several limits, of which the first is spent", {
      ratelimit: "\"burst\";r=0;t=1, \"daily\";r=9;t=30"
    }, 1000],
    ["the longest wait of the IETF's later form", { ratelimit: "\"burst\";r=0;t=1, \"daily\";r=0;t=30" }, 30_000],
    ["a retry-after with a unit", { "retry-after": "30s" }, 30_000],
    ["a retry-after since 1970", { "retry-after": String(now / 1000 + 30) }, 30_000],
    ["a retry-after as a date of ISO 8601", { "retry-after": "2026-11-29T12:00:30Z" }, 30_000],
    ["a retry-after that came twice", { "retry-after": "30, 60" }, 60_000],
    ["a retry-after in words", { "retry-after": "20 seconds" }, 20_000],
    ["a retry-after in words, of minutes", { "retry-after": "2 minutes" }, 120_000],
    ["a retry-after in quotation marks", { "retry-after": "\"20\"" }, 20_000],
    ["a retry-after with a sign", { "retry-after": "+5" }, 5000],
    ["a retry-after below zero", { "retry-after": "-5" }, undefined],
    ["a retry-after of a gateway", { "x-retry-after": "30" }, 30_000],
    ["a retry-after that is neither", { "retry-after": "1e3" }, undefined],
    ["a limit with something left", { "x-ratelimit-remaining": "3", "x-ratelimit-reset": "17" }, undefined],
    ["the IETF's name", { "ratelimit-remaining": "0", "ratelimit-reset": "8" }, 8000],
    ["Anthropic's names", {
      "anthropic-ratelimit-requests-remaining": "49",
      "anthropic-ratelimit-requests-reset": "2026-11-29T12:10:00Z",
      "anthropic-ratelimit-input-tokens-remaining": "0",
      "anthropic-ratelimit-input-tokens-reset": "2026-11-29T12:00:21Z"
    }, 21_000],
    ["Anthropic's time that is past", {
      "anthropic-ratelimit-requests-remaining": "0",
      "anthropic-ratelimit-requests-reset": "2026-11-29T11:59:00Z"
    }, undefined],
    ["Anthropic's subscription", {
      "anthropic-ratelimit-unified-5h-status": "rejected",
      "anthropic-ratelimit-unified-5h-reset": String(now / 1000 + 600),
      "anthropic-ratelimit-unified-7d-status": "allowed",
      "anthropic-ratelimit-unified-7d-reset": String(now / 1000 + 86_400)
    }, 600_000],
    ["Cerebras's names", {
      "x-ratelimit-remaining-tokens-minute": "0",
      "x-ratelimit-reset-tokens-minute": "11.5",
      "x-ratelimit-remaining-requests-day": "14399",
      "x-ratelimit-reset-requests-day": "86000"
    }, 11_500],
    ["nothing where all limits have something left", {
      "x-ratelimit-remaining-requests": "999",
      "x-ratelimit-reset-requests": "6m0s",
      "x-ratelimit-remaining-tokens": "9000",
      "x-ratelimit-reset-tokens": "10ms"
    }, undefined]
  ]
  it.each(headers)("from headers: %s", (_, given, millis) => {
    assert.strictEqual(wait(429, given), millis)
  })

  const fields: ReadonlyArray<readonly [string, unknown, number | undefined]> = [
    ["Gemini's RetryInfo", { error: { details: [{ retryDelay: "46s" }] } }, 46_000],
    ["Gemini's quota", { error: { details: [{ metadata: { quotaResetDelay: "5h59m59.5s" } }] } }, 21_599_500],
    ["OpenRouter's headers", {
      error: {
        code: 429,
        message: "free-models-per-day",
        metadata: {
          headers: {
            "X-RateLimit-Limit": "50",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": String(now + 3_600_000)
          }
        }
      }
    }, 3_600_000],
    ["OpenRouter's headers of a limit with something left", {
      error: {
        code: 429,
        message: "no",
        metadata: { headers: { "X-RateLimit-Remaining": "7", "X-RateLimit-Reset": String(now + 3_600_000) } }
      }
    }, undefined],
    ["seconds", { error: { message: "no", retry_after: 12 } }, 12_000],
    ["milliseconds", { error: { message: "no", retry_after_ms: 250 } }, 250],
    ["seconds beside the error", { error: { message: "no" }, retry_after: 12 }, 12_000],
    ["seconds in details", { error: { message: "no", details: { retry_after: 12 } } }, 12_000],
    ["an instant in place of seconds", { error: { message: "no", retry_after: "2026-11-29T12:00:12Z" } }, 12_000],
    ["a duration of protobuf", { error: { details: [{ retryDelay: { seconds: 12, nanos: 5 } }] } }, 12_000],
    [
      "a time since 1970",
      { error: { type: "usage_limit_reached", message: "no", resets_at: now / 1000 + 60 } },
      60_000
    ],
    [
      "a time since 1970 that is past",
      { error: { type: "usage_limit_reached", message: "no", resets_at: 1000 } },
      undefined
    ],
    ["a negative number", { error: { message: "no", retry_after: -12 } }, undefined]
  ]
  it.each(fields)("from the body: %s", (_, body, millis) => {
    assert.strictEqual(wait(429, {}, body), millis)
  })

  it("from the headers before the body, and from the body before the sentence", () => {
    const body = { error: { message: "try again in 3s", retry_after: 2 } }
    assert.strictEqual(wait(429, { "retry-after": "1" }, body), 1000)
    assert.strictEqual(wait(429, { ...spent, "x-ratelimit-reset": "4" }, body), 4000)
    assert.strictEqual(wait(429, {}, body), 2000)
  })

  it("not from reset headers of what is no limit", () => {
    assert.strictEqual(wait(500, { ...spent, "x-ratelimit-reset": "17" }), undefined)
  })
})

describe("a request that is larger than a limit", () => {
  const large = said(
    "Request too large for m on tokens per minute: Limit 6000, Requested 6500",
    "tokens",
    "rate_limit_exceeded"
  )

  it.each([413, 429])("is neither asked again nor a mistake of the caller, in a %s", (status) => {
    const error = errorOf(status, large)
    assert.deepStrictEqual(
      [error._tag, ChatError.retries(error), ChatError.movesOn(error), ChatError.countsOnBreaker(error)],
      ["ProviderRateLimited", "no", "yes", false]
    )
    assert.match(error.message, /\. Send smaller ones, or use another model\.$/)
  })

  it.effect("pauses no limiter, as smaller ones can pass", () =>
    Effect.gen(function*() {
      const configured = [RateLimiter.requests(100, "1 minute")]
      const limiter = yield* RateLimiter.make({ name: "m", limits: configured })
      const limits = yield* ProviderLimits.follow(limiter, configured)
      yield* limits.refused(errorOf(413, large))
      assert.strictEqual((yield* limiter.snapshot).pausedFor, undefined)
      yield* limits.refused(errorOf(429, ""))
      assert.deepStrictEqual((yield* limiter.snapshot).pausedFor, Duration.seconds(1))
    }))
})

describe("a quota of one model", () => {
  const keys = [Redacted.make("k1"), Redacted.make("k2")] as const
  const spent = {
    error: {
      code: 429,
      status: "RESOURCE_EXHAUSTED",
      message: "You exceeded your current quota.",
      details: [{ violations: [{ quotaId: "RequestsPerDayPerProjectPerModel" }] }, { retryDelay: "39600s" }]
    }
  }
  const reply = { choices: [{ index: 0, message: { role: "assistant", content: "Good day" }, finish_reason: "stop" }] }

  const setup = (options: Partial<ChatClient.Options> = {}) => {
    const asked: Array<string> = []
    const client = clientOf((request) => {
      const text = new TextDecoder().decode((request.body as unknown as { readonly body: Uint8Array }).body)
      const { model } = JSON.parse(text) as { readonly model: string }
      asked.push(`${model}/${request.headers["authorization"]!.slice(7)}`)
      return model === "pro" || model.startsWith("spent") ? Response.json(spent, { status: 429 }) : Response.json(reply)
    }, { apiKey: keys, ...options })
    return { asked, client }
  }
  const ask = (client: ChatClient.ChatClient["Service"], model: string) =>
    Effect.match(client.complete({ model, messages: [] }), {
      onSuccess: () => "answered",
      onFailure: (error) => `${error._tag} ${error.retryAfter && Duration.format(error.retryAfter)}`
    })

  it.effect("parks the key for that model, and leaves it to the others", () =>
    Effect.gen(function*() {
      const { asked, client } = setup()
      const it = yield* client
      const ends = yield* Effect.forEach(["flash", "pro", "flash", "pro", "flash"], (model) => ask(it, model))
      assert.deepStrictEqual(ends, [
        "answered",
        "QuotaExhausted 11h",
        "answered",
        "QuotaExhausted 11h",
        "answered"
      ])
      assert.deepStrictEqual(asked, ["flash/k1", "pro/k1", "pro/k2", "flash/k1", "flash/k1"])
      const models = [{ model: "pro", parkedFor: Duration.minutes(10) }]
      assert.deepStrictEqual(yield* it.keys, [
        { key: "key 1", parkedFor: undefined, because: undefined, models },
        { key: "key 2", parkedFor: undefined, because: undefined, models }
      ])
    }))

  it.effect("parks it no longer than the client allows, whatever the provider says", () =>
    Effect.gen(function*() {
      const { client } = setup({ maxRetryAfter: "12 hours" })
      const it = yield* client
      yield* ask(it, "pro")
      assert.deepStrictEqual((yield* it.keys)[0]!.models, [{ model: "pro", parkedFor: Duration.hours(11) }])
    }))

  it.effect("is remembered of a hundred models at most", () =>
    Effect.gen(function*() {
      const { client } = setup()
      const it = yield* client
      yield* Effect.forEach(Array.from({ length: 150 }, (_, i) => `spent ${i}`), (model) => ask(it, model))
      const models = (yield* it.keys)[0]!.models!.map(({ model }) => model)
      assert.strictEqual(models.length, 100)
      assert.strictEqual(models.at(-1), "spent 149")
    }))
})

describe("headers of a user", () => {
  const bad: ReadonlyArray<readonly [unknown, string]> = [
    [{ "x-a": "sécret\nx" }, "headers[\"x-a\"] must be a text of printable characters of Latin-1, without line breaks"],
    [{ "x-a": "secret\r\nx-b: c" }, "headers[\"x-a\"] must be a text of printable characters"],
    [{ "x-a": "secret\0" }, "headers[\"x-a\"] must be a text of printable characters"],
    [{ "x-a": "秘密secret" }, "headers[\"x-a\"] must be a text of printable characters"],
    [{ "x-a": 7 }, "headers[\"x-a\"] must be a text of printable characters"],
    [{ "x-ü": "secret" }, "headers[\"x-ü\"] must be the name of a header"],
    [{ "x a": "secret" }, "headers[\"x a\"] must be the name of a header"],
    [{ "": "secret" }, "headers[\"\"] must be the name of a header"],
    [{ "x\r\ny": "secret" }, "headers[\"x\\r\\ny\"] must be the name of a header"],
    [{ Host: "secret" }, "headers[\"Host\"] must be left out: the connection sets it"],
    [{ "content-length": "3" }, "headers[\"content-length\"] must be left out"],
    [{ "Transfer-Encoding": "chunked" }, "headers[\"Transfer-Encoding\"] must be left out"],
    [{ connection: "close" }, "headers[\"connection\"] must be left out"],
    [{ expect: "100-continue" }, "headers[\"expect\"] must be left out"],
    [
      { "x-a": "1", "X-A": "secret" },
      "headers[\"X-A\"] must be given once: headers[\"x-a\"] is the same, got it twice"
    ],
    [{ Authorization: "secret" }, "headers[\"Authorization\"] must be left out beside apiKey"],
    [["secret"], "headers must be an object of names and values"],
    ["secret", "headers must be an object of names and values"]
  ]
  it.effect.each(bad)(
    "that cannot be sent are refused by name, and no value is shown: %#",
    ([headers, message]) =>
      Effect.gen(function*() {
        const options = { headers: headers as never, apiKey: Redacted.make("key") }
        const exit = yield* Effect.exit(clientOf(() => new Response(), options))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, RangeError)
        assert.include((defect as RangeError).message, `ChatClient.make: ${message}`)
        assert.notInclude((defect as RangeError).message, "secret")
      })
  )

  it.effect("that can be sent are sent", () =>
    Effect.gen(function*() {
      let seen: unknown
      const client = yield* clientOf(({ headers }) => {
        seen = [headers["api-key"], headers["authorization"], headers["x-title"]]
        return new Response("", { status: 500 })
      }, { headers: { "api-key": "abc", Authorization: "Basic x", "X-Title": "Café\t1" } })
      yield* Effect.exit(client.complete({ model: "m", messages: [] }))
      assert.deepStrictEqual(seen, ["abc", "Basic x", "Café\t1"])
    }))
})

const toldTo = (prompt: string) => ({ apiKey: undefined, prompt: [prompt] })

describe("a code that a provider makes of what it was sent", () => {
  const parking = Dialects.rows.flatMap((row) =>
    row.class === "QuotaExhausted" || row.class === "Unauthorized"
      ? (["code", "type", "reason"] as const).flatMap((field) =>
        [row[field] ?? []].flat().map((word) => ({ field, word: word.replaceAll("*", "x"), status: row.status }))
      )
      : []
  )
  const bodyOf = (field: string, word: string, message = "Invalid content") => ({
    error: field === "reason" ? { message, details: [{ reason: word }] } : { message, [field]: word }
  })
  const isLong = (word: string) => word.length >= 8 && /[a-z]{3}/i.test(word)

  it("parks no key where the conversation has the code", () => {
    let tried = 0
    for (const { field, status = 400, word } of parking) {
      // Where the status says it, the provider has said it.
      const at = [status].flat().find((one) => one !== 401 && one !== 402) ?? 400
      const body = bodyOf(field, word)
      if (!isLong(word) || !ChatError.parksKey(errorOf(at, body, { secrets: toldTo("Good day") }))) continue
      tried++
      for (const prompt of [word, `My program says ${word}. Why?`]) {
        const quoted = errorOf(at, body, { secrets: toldTo(prompt) })
        assert.isFalse(ChatError.parksKey(quoted), `${field} ${word}: ${quoted._tag}`)
      }
    }
    assert.isAbove(tried, 60)
  })

  it("parks no key where the code is a sentence, whatever is known of the conversation", () => {
    for (const { field, word } of parking) {
      for (const text of [`What does ${word} mean?`, `${word} `.repeat(20), `${word} is what I get`]) {
        for (const secrets of [undefined, toldTo(text), { apiKey: undefined, prompt: "unknown" as const }]) {
          const error = errorOf(400, bodyOf(field, text), { ...(secrets && { secrets }) })
          assert.isFalse(ChatError.parksKey(error), `${field} ${text}: ${error._tag}`)
        }
      }
    }
  })

  it("is the provider's where a conversation has it by chance", () => {
    const image = Array.from({ length: 10_000 }, (_, i) => String(i)).join("")
    const error = errorOf(429, bodyOf("code", "1113"), { secrets: toldTo(image) })
    assert.isTrue(ChatError.parksKey(error))
  })
})

describe("a wait that a provider quotes", () => {
  const waits = [
    "Please try again in 23h",
    "try again in 23 hours",
    "please wait 2 days",
    "Your limit resets at 2026-08-17 02:56:15",
    "请在 3 小时后重试",
    "available at 3:30 PM UTC"
  ]
  const now = Date.UTC(2026, 7, 16)

  it("is no wait, and parks no key", () => {
    for (const wait of waits) {
      for (
        const prompt of [wait, `The shop said: "${wait}, dear customer", and then it closed.`, `Hello.\n${wait}\nBye.`]
      ) {
        for (
          const message of [`Rate limit reached for: ${prompt}`, `Too many requests. Input: '${prompt.slice(0, 200)}'`]
        ) {
          const quoted = errorOf(429, { error: { message } }, { now, secrets: toldTo(prompt) })
          assert.strictEqual(quoted.retryAfter, undefined, message)
          assert.isFalse(ChatError.parksKey(quoted), message)
          const said = errorOf(429, { error: { message } }, { now, secrets: toldTo("Good day") })
          assert.notStrictEqual(said.retryAfter, undefined, message)
        }
      }
    }
  })

  it("is read beside a quotation, and from the fields", () => {
    const secrets = toldTo("Tell me about the weather of tomorrow, please, in detail")
    const message = `Too many requests for "${secrets.prompt[0]}". Please try again in 5 minutes.`
    assert.deepStrictEqual(errorOf(429, { error: { message } }, { secrets }).retryAfter, Duration.minutes(5))
    const short = errorOf(429, { error: { message: "Please try again in 20s" } }, {
      secrets: toldTo("try again in 20s")
    })
    assert.deepStrictEqual(short.retryAfter, Duration.seconds(20))
  })
})
