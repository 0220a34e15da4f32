/** What the gateway itself refuses, in the words of OpenAI's API, which clients match. */

/** A response with a body of JSON. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

interface Kind {
  readonly status: number
  readonly message: string
  readonly type?: string
  readonly param?: string | null
  readonly code?: string | null
  readonly headers?: Readonly<Record<string, string>>
}

const refusal = (
  { code = null, headers, message, param = null, status, type = "invalid_request_error" }: Kind
): Reply => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify({ error: { message, type, param, code } })
})

const neverAgain = { "x-should-retry": "false" }

/** For a client that has a part of its answer already: another one would not go on where that has ended. */
export const notAgain = (reply: Reply): Reply => ({ ...reply, headers: { ...reply.headers, ...neverAgain } })

export const noToken: Reply = refusal({
  status: 401,
  message:
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
  headers: { "www-authenticate": "Bearer", ...neverAgain }
})

export const wrongToken: Reply = refusal({
  status: 401,
  message: "Incorrect API key provided.",
  code: "invalid_api_key",
  headers: { "www-authenticate": "Bearer", ...neverAgain }
})

export const expiredToken: Reply = refusal({
  status: 401,
  message: "The API key provided has expired.",
  code: "invalid_api_key",
  headers: { "www-authenticate": "Bearer", ...neverAgain }
})

export const tooManyGuesses: Reply = refusal({
  status: 429,
  message: "Too many wrong API keys came from this address. Try again in a minute.",
  type: "requests",
  code: "rate_limit_exceeded",
  headers: { "retry-after": "60", "retry-after-ms": "60000", ...neverAgain }
})

/** A token that may read and not control. */
export const readOnly: Reply = refusal({
  status: 403,
  message: "This token may read, and not control. Use the control token.",
  code: "insufficient_scope",
  headers: neverAgain
})

const wrongName = (remedy: string): Reply =>
  refusal({
    status: 421,
    message: `This address does not answer under that name. ${remedy}`,
    code: "wrong_host",
    headers: neverAgain
  })

export const wrongHost: Reply = wrongName("Ask it by the address on which it listens.")

export const wrongHostOfOperators: Reply = wrongName(
  "Ask it by the address on which it listens, or list the name in admin.hosts."
)

/** A page in a browser that may not call. */
export const wrongOrigin: Reply = refusal({
  status: 403,
  message: "Pages of this origin may not call. List it in listen.origins, or call from a server.",
  code: "origin_not_allowed",
  headers: neverAgain
})

export const unknownPath = (method: string, path: string): Reply =>
  refusal({ status: 404, message: `Invalid URL (${method} ${path})` })

export const wrongMethod = (method: string, allowed: string): Reply =>
  refusal({
    status: 405,
    message: `Not allowed to ${method} here: use ${allowed}.`,
    code: "method_not_supported",
    headers: { allow: allowed }
  })

export const unknownModel = (model: string): Reply =>
  refusal({
    status: 404,
    message: `The model \`${model}\` does not exist or you do not have access to it.`,
    code: "model_not_found"
  })

export const tooLarge = (limit: number): Reply => beyond(`The request is larger than ${limit} bytes.`)

export const tooManyParts = (limit: number): Reply =>
  beyond(`The request has more than ${limit} objects, lists and texts.`)

export const tooManyFields = (limit: number): Reply => beyond(`The request has more than ${limit} fields.`)

export const tooManyValues = (limit: number): Reply =>
  beyond(`The request has a number that no double holds, and more than ${limit} values.`)

const beyond = (message: string): Reply =>
  refusal({
    status: 413,
    message,
    code: "request_too_large",
    headers: { connection: "close", ...neverAgain }
  })

export const noJson: Reply = refusal({
  status: 400,
  message:
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The API expects a JSON payload.)"
})

export const missing = (param: string): Reply =>
  refusal({
    status: 400,
    message: `Missing required parameter: '${param}'.`,
    param,
    code: "missing_required_parameter"
  })

export const wrongType = (param: string, expected: string): Reply =>
  refusal({
    status: 400,
    message: `Invalid type for '${param}': expected ${expected}.`,
    param,
    code: "invalid_type"
  })

/** As the draft standard of the header says, and no client of OpenAI asks again. */
export const otherBodyOfKey: Reply = refusal({
  status: 422,
  message: "A request with this Idempotency-Key is being answered, and its body is another one. Use a key of its own.",
  code: "idempotency_key_reused",
  headers: neverAgain
})

/** What a provider says of the account of the gateway: a client that read it as said of its own would act on the wrong token. */
export const ofProvider = ({ body, headers }: Reply): Reply => {
  const { error } = JSON.parse(body) as { readonly error: { readonly message: string } }
  return refusal({
    status: 502,
    message: error.message,
    type: "server_error",
    code: "provider_account",
    headers: { ...headers, ...neverAgain }
  })
}

/** The gateway has more than it can bear. */
export const overloaded: Reply = refusal({
  status: 503,
  message: "The gateway has as many requests as it can answer. Try again in a second.",
  type: "service_unavailable_error",
  code: "overloaded",
  headers: { "retry-after": "1", "retry-after-ms": "1000" }
})

export const stopping: Reply = refusal({
  status: 503,
  message: "The gateway is being stopped. Try again in a second.",
  type: "service_unavailable_error",
  code: "overloaded",
  headers: { "retry-after": "1", "retry-after-ms": "1000", connection: "close" }
})

/** A gateway in the process, which nobody opens again at the same place. */
export const closed: Reply = refusal({
  status: 503,
  message: "The gateway was closed: open a new one.",
  type: "service_unavailable_error",
  code: "closed",
  headers: neverAgain
})

/** A fault of the gateway, of which nothing is told. */
export const fault: Reply = refusal({
  status: 500,
  message: "The server had an error while processing your request.",
  type: "server_error"
})

/** What a provider may take, and the gateway cannot pass on. */
export const unsupported = (param: string): Reply =>
  refusal({
    status: 400,
    message: `Unsupported parameter: '${param}' is not supported here.`,
    param,
    code: "unsupported_parameter"
  })
