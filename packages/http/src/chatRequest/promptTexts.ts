/**
 * What in a request is prompt, which no error may repeat.
 *
 * Every text in a request is prompt, under whatever name and however deep, and so are the names of fields below the
 * first level and whole numbers of seven digits and more. Not prompt are the names of the request's own fields, its
 * `model`, and the words of the protocol below: a text that is one of them, whole, says nothing about a
 * conversation, wherever it stands. A word that is missing there is hidden in errors; add it.
 */
const words = `
system developer user assistant tool function
role content name type text id index status refusal reasoning reasoning_content reasoning_details annotations
tool_calls tool_call_id function_call arguments input output custom
image_url input_audio video_url file image_file document input_text output_text input_image input_file
url data detail file_id file_data filename media_type format source base64 cache_control ephemeral ttl
thinking redacted_thinking signature tool_use tool_result
description parameters strict schema json_schema json_object grammar syntax definition regex lark
mode auto none any required allowed_tools tools choice
object array string number integer boolean null
properties items enum const default title examples additionalProperties patternProperties propertyNames
anyOf oneOf allOf not if then else $ref $defs $schema $id definitions nullable
minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern
minItems maxItems uniqueItems prefixItems minProperties maxProperties
date time date-time duration email hostname ipv4 ipv6 uri uuid
minimal low medium high xhigh max full priority flex scale standard concise detailed
include_usage include_obfuscation effort summary exclude enabled disabled adaptive budget_tokens max_tokens
wav mp3 flac opus aac pcm16 voice alloy ash ballad coral echo fable nova onyx sage shimmer verse
web_search user_location approximate city country region timezone search_context_size
order only ignore sort price throughput latency allow_fallbacks require_parameters data_collection allow deny
quantizations plugins max_price prompt completion
`

const vocabulary: ReadonlySet<string> = new Set(words.trim().split(/\s+/))

const longestWord = Math.max(...[...vocabulary].map(({ length }) => length))

/** The texts of a request that are prompt, short ones once each. */
export const promptTexts = (request: { readonly [field: string]: unknown }): Iterable<string> => {
  const short = new Set<string>()
  // Not in a set, which would read each text.
  const long: Array<string> = []
  const add = (text: string) => {
    if (text.length > longestWord) long.push(text)
    else if (!vocabulary.has(text)) short.add(text)
  }
  // A list instead of recursion, because requests may be nested deeply.
  const open: Array<unknown> = []
  for (const field of Object.keys(request)) {
    const value = request[field]
    if (field !== "model" && typeof value !== "number") open.push(value)
  }
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value === "string") add(value)
    else if (Number.isInteger(value) && Math.abs(value as number) >= 1e6) add(String(value))
    else if (Array.isArray(value)) { for (const inner of value) open.push(inner) }
    else if (typeof value === "object" && value !== null) {
      for (const field of Object.keys(value)) {
        add(field)
        open.push((value as { readonly [field: string]: unknown })[field])
      }
    }
  }
  return [...long, ...short]
}
