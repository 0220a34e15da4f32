/**
 * The text of a request, in which only the name of the model is changed: what a provider has cached of a prompt is found by
 * the order and the form of everything else.
 */
import { exactIn } from "./exactJson.ts"

/** Where the value of a field is written. */
interface Place {
  readonly from: number
  readonly to: number
}

export class RequestText {
  private readonly text: string
  private readonly body: Readonly<Record<string, unknown>>
  private place: Place | undefined | "unknown" = "unknown"

  /** `body` is what the text says, an object with a `model`. */
  constructor(text: string, body: Readonly<Record<string, unknown>>) {
    this.text = text
    this.body = body
  }

  /** The text for a model. */
  withModel(model: string): string {
    if (this.place === "unknown") this.place = placeOf(this.text, "model", Object.keys(this.body).length)
    // A field that is written twice may be read as the first or as the last: then it is written once.
    if (this.place === undefined) return JSON.stringify({ ...exactIn(this.text, this.body)?.json ?? this.body, model })
    return this.text.slice(0, this.place.from) + JSON.stringify(model) + this.text.slice(this.place.to)
  }
}

/** The place of a field of the outermost object, whose fields are so many; undefined where one of them is there twice. */
const placeOf = (text: string, name: string, fields: number): Place | undefined => {
  let depth = 0
  let found: Place | undefined
  let seen = 0
  /** Whether the next text at the first level is the name of a field. */
  let isName = false
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = endOfText(text, at)
        if (depth === 1 && isName) {
          isName = false
          seen++
          if (JSON.parse(text.slice(at, end)) === name) found = valueAfter(text, end)
        }
        at = end - 1
        break
      }
      case openBrace:
        isName = ++depth === 1
        break
      case openBracket:
        depth++
        break
      case closeBrace:
      case closeBracket:
        depth--
        break
      case comma:
        if (depth === 1) isName = true
    }
  }
  return seen === fields ? found : undefined
}

/** The place of the text that is the value of a field whose name ends here. */
const valueAfter = (text: string, end: number): Place => {
  const from = text.indexOf("\"", end)
  return { from, to: endOfText(text, from) }
}

/** The place behind the text that begins here. */
const endOfText = (text: string, from: number): number => {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) return at + 1
    if (code === backslash) at++
  }
  return text.length
}

const quote = 34
const comma = 44
const openBracket = 91
const backslash = 92
const closeBracket = 93
const openBrace = 123
const closeBrace = 125
