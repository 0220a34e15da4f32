/**
 * Finds a model in a catalogue by the name that a provider has for it. A wrong price is worse than none, so only what
 * is known not to change the price is left out of a name: who made the model, when this version is from, and how the
 * name is written. What stands behind a colon (`:free`, `:online`) and every other word (`-mini`) is another price.
 *
 * Bedrock writes all of that in its own way: `us.anthropic.claude-sonnet-4-5-20250929-v1:0`.
 */

/** What can stand before the name of a model: its maker, or how a router reaches the maker. */
const makers = new Set([
  "ai21",
  "amazon",
  "anthropic",
  "azure",
  "azure_ai",
  "baidu",
  "bedrock",
  "bytedance",
  "bytedance-seed",
  "cohere",
  "dashscope",
  "deepseek",
  "deepseek-ai",
  "gemini",
  "github",
  "google",
  "ibm-granite",
  "inclusionai",
  "litellm_proxy",
  "meta",
  "meta-llama",
  "microsoft",
  "minimax",
  "minimaxai",
  "mistral",
  "mistralai",
  "models",
  "moonshot",
  "moonshotai",
  "nousresearch",
  "nvidia",
  "openai",
  "openrouter",
  "perplexity",
  "publishers",
  "qwen",
  "stepfun",
  "stepfun-ai",
  "tencent",
  "thudm",
  "vertex_ai",
  "volcengine",
  "x-ai",
  "xai",
  "xiaomi",
  "z-ai",
  "zai",
  "zai-org"
])

/** What can stand after the name of a model: which version of it this is. */
const versions: ReadonlyArray<RegExp> = [
  // -2025-04-14, -20250929, @20250929, @2025-09-29
  /[-@]20\d{2}-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])$/,
  // -preview-05-20, -preview-2025-05-20
  /-preview-(20\d{2}-)?(0[1-9]|1[0-2])-([0-2]\d|3[01])$/,
  // -preview-09-2025
  /-preview-(0[1-9]|1[0-2])-20\d{2}$/,
  /[-@]latest$/,
  /@default$/,
  // -001
  /-00\d$/
]

/**
 * How Bedrock names a model, which may stand after `bedrock/` or at the end of an ARN: the region that it is asked in, its
 * maker, its name and the version of the interface.
 */
const bedrock =
  /^(?:arn:aws[^/]*\/|bedrock\/(?:converse\/|invoke\/)?(?:[a-z]{2}(?:-[a-z]+)+-\d\/)?)?(?:(?:apac|au|ca|eu|global|jp|us|us-gov)\.)?([a-z\d]+)\.(.+?)(?:-v\d+(?::\d+)?|-\d+:\d+)?$/i

/** Where Vertex AI serves a model. */
const vertex = /^projects\/[^/]+\/locations\/[^/]+\/(?=publishers\/)/

export class ModelNames {
  private readonly names: ReadonlySet<string>
  private readonly aliases: ReadonlyMap<string, string>
  /** By how names are compared; undefined where several models are written alike. */
  private readonly written = new Map<string, string | undefined>()
  /** What was found for the names that were asked for last. */
  private readonly found = new Map<string, string | undefined>()

  constructor(names: Iterable<string>, aliases: Iterable<readonly [alias: string, name: string]> = []) {
    this.names = new Set(names)
    this.aliases = new Map(aliases)
    for (const name of this.names) {
      for (const form of new Set([spelt(name), spelt(withoutMaker(name))])) this.add(form, name)
    }
    // What a user says of a name goes before what is made of others.
    for (const [alias, name] of this.aliases) this.written.set(spelt(alias), name)
  }

  /** The name in the catalogue. */
  find(told: string): string | undefined {
    const found = this.found.get(told)
    if (found !== undefined || this.found.has(told)) return found
    if (this.found.size >= mostFound) this.found.clear()
    const name = this.search(told)
    this.found.set(told, name)
    return name
  }

  private search(told: string): string | undefined {
    for (const form of formsOf(told)) {
      const name = this.aliases.get(form) ?? (this.names.has(form) ? form : this.written.get(spelt(form)))
      if (name !== undefined) return name
    }
    return undefined
  }

  private add(form: string, name: string): void {
    this.written.set(form, this.written.has(form) && this.written.get(form) !== name ? undefined : name)
  }
}

/** Providers choose the names, so that their number has a bound. */
const mostFound = 1000

/** Whether a name is that of one certain model, and not what a server calls whatever it serves. */
export const isCertain = (name: string): boolean => /\d/.test(name)

/** Whether two names are those of one model, perhaps of different versions. */
export const isSameModel = (a: string, b: string): boolean => spelt(formsOf(a).at(-1)!) === spelt(formsOf(b).at(-1)!)

/** A name as it was told, and with ever less of what does not change the price. */
const formsOf = (told: string): ReadonlyArray<string> => {
  const name = told.trim()
  const plain = withoutVersion(name)
  const model = withoutPlace(name)
  return [name, plain, withoutMaker(name), withoutMaker(plain), model, withoutMaker(withoutVersion(model))]
}

/** A name without the place in which a cloud serves the model, and without the maker and interface that it names there. */
const withoutPlace = (name: string): string => {
  const [, maker, model] = bedrock.exec(name) ?? []
  return maker !== undefined && makers.has(maker.toLowerCase()) ? model! : name.replace(vertex, "")
}

/** How names are compared: `Claude-Sonnet-4.5` and `claude-sonnet-4-5` are one. */
const spelt = (name: string): string => name.toLowerCase().replace(/(\d)\.(?=\d)/g, "$1-")

const withoutMaker = (name: string): string => {
  const at = name.indexOf("/")
  return at > 0 && makers.has(name.slice(0, at).toLowerCase()) ? withoutMaker(name.slice(at + 1)) : name
}

const withoutVersion = (name: string): string => {
  const version = versions.find((pattern) => pattern.test(name.toLowerCase()))
  return version === undefined ? name : name.slice(0, name.toLowerCase().search(version))
}
