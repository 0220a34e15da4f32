/** What an application does with its client, whichever client that is. */

/** Where it asks, for what, and with which settings of its client. */
export interface Settings {
  /** Of the gateway, with `/v1`. */
  readonly baseURL: string
  readonly apiKey: string
  readonly model: string
  /** How often the client tries again. Left out, it does as it is made to. */
  readonly maxRetries?: number
  /** Milliseconds that the client waits. */
  readonly timeout?: number
  readonly signal?: AbortSignal
  readonly headers?: Record<string, string>
  /** Counts what the client sends. */
  readonly fetch: typeof fetch
}

/** What an application gets. */
export interface Answer {
  readonly text: string
  /** Why the answer ended, where the client tells. */
  readonly finish: string | undefined
  /** What the client threw, or told within the stream. */
  readonly error: unknown
  readonly totalTokens: number | undefined
}

/** One client. Errors are told in the answer, with what came before them. */
export interface Application {
  readonly name: string
  /** Whether it says in a header how long it waits for one request. */
  readonly tellsTimeout: boolean
  readonly whole: (settings: Settings) => Promise<Answer>
  readonly streamed: (settings: Settings) => Promise<Answer>
  /**
   * Asks with a tool `weather(city)`, runs it, and sends back its result until there is a text. `"whole"` and `"streamed"` say
   * how.
   */
  readonly withTool: (
    settings: Settings,
    how: "whole" | "streamed",
    weather: (city: string) => string
  ) => Promise<Answer>
}

export const question = "What is the weather?"

export const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false
} as const

/** The answer, or what was thrown with what there was before that. */
export const told = async (got: Partial<Answer>, run: () => Promise<Partial<Answer> | void>): Promise<Answer> => {
  const nothing: Answer = { text: "", finish: undefined, error: undefined, totalTokens: undefined }
  try {
    const more = await run()
    return { ...nothing, ...got, ...more }
  } catch (error) {
    return { ...nothing, ...got, error }
  }
}

/** Status and code of an error of any of these clients. */
export const statusOf = (error: any): number | undefined =>
  error?.lastError === undefined ? error?.status ?? error?.statusCode : statusOf(error.lastError)

export const codeOf = (error: any): string | undefined =>
  error?.lastError !== undefined ? codeOf(error.lastError) : error?.code ?? error?.data?.error?.code
