/**
 * Parses the data of events. The events of an answer are the same but for a text or two, so what was parsed once is a
 * template: an event that differs from it in these texts alone is compared, which takes a fraction of the time.
 *
 * What it gives is what `JSON.parse` gives. A template is only made of an event when a mark in the place of each text
 * was parsed and found as that text: with any other text there, the rest is parsed the same.
 */
import * as Predicate from "effect/Predicate"
import { parseJson } from "./parseJson.ts"
import { type Frame, Repeats } from "./repeats.ts"

type Fields = Record<string, unknown>

interface Template {
  /** What stands before each of the texts, up to its quote, and behind the last one. */
  readonly constants: ReadonlyArray<string>
  readonly json: unknown
  /** Where in the JSON each of the texts is. */
  readonly places: ReadonlyArray<{ readonly holder: Fields; readonly field: string }>
  repeats: Repeats | "none" | undefined
}

/** The frame of events that say one text in the delta of their only choice, and nothing else but padding. */
const frameOf = ({ constants, json, places }: Template): Frame | undefined => {
  const { choices } = json as { readonly choices: ReadonlyArray<{ readonly delta?: unknown } | null> }
  let said = -1
  for (let i = 0; i < places.length; i++) {
    const { field, holder } = places[i]!
    if (holder === choices[0]?.delta && said < 0) said = i
    else if (holder !== json || field !== "obfuscation") return undefined
  }
  if (said < 0 || choices.length !== 1) return undefined
  const last = constants.length - 1
  return {
    constants: constants.map((constant, i) => `${i === 0 ? "data: " : ""}${constant}${i === last ? "\n\n" : ""}`),
    said
  }
}

export class EventJson {
  private templates: ReadonlyArray<Template> = noTemplates
  /** How many templates may still be made before one of them is of use. */
  private patience = mostUseless

  /**
   * The JSON of the data, or `undefined` where it is none. It may be changed by the next call: nothing of it may be kept
   * that holds a text of a delta.
   */
  read(data: string): unknown {
    const known = this.find(data)
    if (known !== undefined) return known
    const json = parseJson(data)
    if (this.patience > 0 && data.length <= longest && json !== undefined) this.learn(data)
    return json
  }

  /**
   * What recognises the next events that are as the one that was read last, but for the text that its delta says. Undefined
   * where more may be another one than that, and padding.
   */
  repeatsOf(json: unknown): Repeats | undefined {
    for (const template of this.templates) {
      if (template.json !== json) continue
      if (template.repeats === undefined) {
        const frame = frameOf(template)
        template.repeats = frame === undefined ? "none" : new Repeats(frame)
      }
      return template.repeats === "none" ? undefined : template.repeats
    }
    return undefined
  }

  /** The same as JSON of the caller's own. */
  readOwn(data: string): unknown {
    const json = this.read(data)
    return this.isTemplate(json) ? copyOf(json) : json
  }

  private isTemplate(json: unknown): boolean {
    for (const template of this.templates) if (template.json === json) return true
    return false
  }

  private find(data: string): unknown {
    const { templates } = this
    for (let i = 0; i < templates.length; i++) {
      const template = templates[i]!
      if (fill(template, data)) {
        this.patience = mostUseless
        return template.json
      }
    }
    return undefined
  }

  private learn(data: string): void {
    const template = templateOf(data)
    if (template === undefined) return
    this.patience--
    // Lists of their length: one that grows has room for sixteen more, and each open stream has these.
    this.templates = [template, ...this.templates.slice(0, mostTemplates - 1)]
  }
}

const noTemplates: ReadonlyArray<Template> = []

/** Two choices that take turns, with reasoning before the text. */
const mostTemplates = 4

/** Where every event has something new, such as an id of its own, templates are given up. */
const mostUseless = 16

const longest = 4096

/** The texts that change from event to event, in JSON as servers write it. */
const texts = /[{,] ?"(?:content|reasoning_content|reasoning|thinking|text|arguments|refusal|obfuscation|p)" ?: ?"/g

/** Stands for a text, where the event has no such character, escaped neither. */
const mark = "\uE000"
const hasMark = /\uE000|\\ue000/i

const templateOf = (data: string): Template | undefined => {
  if (hasMark.test(data)) return undefined
  const constants: Array<string> = []
  let from = 0
  for (const { 0: written, index } of data.matchAll(texts)) {
    const at = index + written.length
    // Within the text before it.
    if (at <= from) continue
    const end = endOfText(data, at)
    if (end < 0) return undefined
    constants.push(data.slice(from, at))
    from = end
  }
  if (constants.length === 0 || constants.length > mostTexts) return undefined
  constants.push(data.slice(from))
  const json = parseJson(constants.reduce((before, constant, i) => `${before}${mark}${i - 1}${constant}`))
  const places: Array<Template["places"][number]> = []
  for (let i = 0; i < constants.length - 1; i++) {
    const place = placeOf(json, `${mark}${i}`)
    if (place === undefined) return undefined
    places.push(place)
  }
  return { constants: constants.slice(), json, places: places.slice(), repeats: undefined }
}

const mostTexts = 8

/** The place of a mark: within a delta, or at the top beside the choices. */
const placeOf = (json: unknown, text: string): Template["places"][number] | undefined => {
  if (!Predicate.isReadonlyObject(json) || !Array.isArray(json["choices"])) return undefined
  for (const field in json) if (json[field] === text) return { holder: json as Fields, field }
  for (const choice of json["choices"]) {
    const place = Predicate.isReadonlyObject(choice) ? placeWithin(choice["delta"], text) : undefined
    if (place !== undefined) return place
  }
  return undefined
}

const placeWithin = (u: unknown, text: string): Template["places"][number] | undefined => {
  if (typeof u !== "object" || u === null) return undefined
  const holder = u as Fields
  for (const field in holder) {
    if (holder[field] === text) return { holder, field }
    const place = placeWithin(holder[field], text)
    if (place !== undefined) return place
  }
  return undefined
}

/** Puts the texts of the data in their places, if all else of it is the same as in the template. */
const fill = ({ constants, places }: Template, data: string): boolean => {
  let at = 0
  for (let i = 0; i < places.length; i++) {
    const constant = constants[i]!
    // Comparing two texts is many times faster than `startsWith`.
    if (data.slice(at, at += constant.length) !== constant) return false
    const end = endOfText(data, at)
    if (end < 0) return false
    const text = textOf(data, at, end)
    if (text === undefined) return false
    const { field, holder } = places[i]!
    holder[field] = text
    at = end
  }
  return data.slice(at) === constants[places.length]
}

/** Where the text ends that begins at a place behind its quote, or -1 if it does not or has a character that it may not have. */
const endOfText = (data: string, from: number): number => {
  for (let at = from; at < data.length; at++) {
    const code = data.charCodeAt(at)
    if (code === quote) return at
    if (code === backslash) at++
    else if (code < space) return -1
  }
  return -1
}

/** A part of a long text keeps the whole of it in memory, so only what is short is cut out of it. */
const textOf = (data: string, from: number, end: number): string | undefined => {
  const written = data.slice(from, end)
  return written.length < shortest && !written.includes("\\")
    ? written
    : parseJson(data.slice(from - 1, end + 1)) as string | undefined
}

const shortest = 13

const quote = 0x22
const backslash = 0x5c
const space = 0x20

const copyOf = (json: unknown): unknown => {
  if (Array.isArray(json)) return json.map(copyOf)
  if (typeof json !== "object" || json === null) return json
  const copy: Fields = { ...json }
  for (const field in copy) if (typeof copy[field] === "object") copy[field] = copyOf(copy[field])
  return copy
}
