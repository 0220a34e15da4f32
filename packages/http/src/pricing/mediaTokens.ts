/**
 * How many tokens an image, a sound, a video or a file is. Providers count what they see and hear and not the bytes it
 * comes in, so these are taken from the head of the file where it tells, and else are constants. Models differ; of the
 * usual rules the one that counts most is taken.
 */
import { imageSize, type Size } from "./imageSize.ts"

/** The tokens of a part of a message. Those of sound may have a price of their own. */
interface MediaTokens {
  readonly kind: "image" | "audio" | "video" | "file"
  readonly tokens: number
}

/** What is known of a file: where it is, or its bytes as base64, and how it is meant. */
interface Media {
  /** A data URL, the base64 alone, or an address. */
  readonly data: unknown
  readonly format?: unknown
  readonly detail?: unknown
}

type Part = Readonly<Record<string, any>>

/** The types of parts that are not text, and where they keep what they hold: a line for each type. */
const types: Readonly<Record<string, readonly [kind: MediaTokens["kind"], media: (part: Part) => Media]>> = {
  image_url: ["image", ({ image_url }) => ({ data: image_url?.url ?? image_url, detail: image_url?.detail })],
  input_image: ["image", ({ detail, image_url }) => ({ data: image_url?.url ?? image_url, detail })],
  image: ["image", ({ image, source }) => ({ data: source?.data ?? source?.url ?? image, detail: undefined })],
  input_audio: ["audio", ({ input_audio }) => ({ data: input_audio?.data, format: input_audio?.format })],
  audio_url: ["audio", ({ audio_url }) => ({ data: audio_url?.url ?? audio_url })],
  audio: ["audio", ({ audio }) => ({ data: audio?.data ?? audio?.url ?? audio, format: audio?.format })],
  video_url: ["video", ({ video_url }) => ({ data: video_url?.url ?? video_url })],
  input_video: ["video", ({ video_url }) => ({ data: video_url?.url ?? video_url })],
  video: ["video", ({ video }) => ({ data: video?.data ?? video?.url ?? video })],
  file: ["file", ({ file }) => ({ data: file?.file_data ?? file?.file_url, format: file?.format })],
  input_file: ["file", ({ file_data, file_url }) => ({ data: file_data ?? file_url })],
  document: ["file", ({ source }) => ({ data: source?.data ?? source?.url, format: source?.media_type })]
}

/** The tokens of a part that is not text; undefined for one that is. */
export const mediaTokens = (part: Part): MediaTokens | undefined => {
  const type: unknown = part["type"]
  if (typeof type !== "string" || !Object.hasOwn(types, type)) return undefined
  const [kind, mediaOf] = types[type]!
  const media = mediaOf(part)
  // An Anthropic document may be text.
  if (kind === "file" && part["source"]?.type === "text") return undefined
  return { kind, tokens: tokensOf[kind](media) }
}

/** The tokens of base64 whose type is told by its data URL, or is that of sound. */
export const dataTokens = (data: string): number => {
  const type = dataType.exec(data)?.[1] ?? "audio"
  return tokensOf[
    type === "image" || type === "audio" || type === "video" ? type : "file"
  ]({ data })
}

/** Whether a text is a file in base64 and not something to read. */
export const isData = (text: string): boolean => text.length > 64 && dataType.test(text)

const dataType = /^data:([a-z]+)\/[^,]{1,200};base64,/i

const tokensOf: Readonly<Record<MediaTokens["kind"], (media: Media) => number>> = {
  image: ({ data, detail }) => {
    if (detail === "low") return lowDetail
    const head = headOf(data, 64)
    const size = imageSize(head.startsWith(jpeg) ? headOf(data, mostOfJpeg) : head)
    return size === undefined ? largestImage : imageTokens(size)
  },
  audio: ({ data, format }) => Math.ceil(secondsOf(data, format) * audioPerSecond),
  video: ({ data }) => {
    const bytes = bytesIn(data)
    return Math.ceil((bytes === undefined ? 60 : Math.max(bytes / videoBytesPerSecond, 1)) * videoPerSecond)
  },
  file: ({ data }) => {
    const bytes = bytesIn(data)
    if (bytes === undefined) return 10 * pageTokens
    // A file of text is read as the text that it is.
    if (typeof data === "string" && /^data:text\//i.test(data)) return bytes
    return Math.ceil(Math.max(bytes / pageBytes, 1)) * pageTokens
  }
}

/** OpenAI's tokens for an image of low detail. */
const lowDetail = 85
/** An image whose size is not known. 1,445 is the most by the tiles of OpenAI, about 1,600 by the area of Anthropic. */
const largestImage = 1600
/** Gemini counts 32 tokens for a second of sound, OpenAI 10. */
const audioPerSecond = 32
/** Gemini counts about 300 tokens for a second of video. */
const videoPerSecond = 300
const videoBytesPerSecond = 250_000
/** A page of a PDF is its text and its image. */
const pageTokens = 2000
const pageBytes = 50_000

/** The most of what OpenAI counts by tiles, and Anthropic and Gemini by area, after they have made it smaller. */
const imageTokens = ({ height, width }: Size): number => {
  const fit = Math.min(1, 2048 / Math.max(width, height))
  const shrunk = Math.min(1, 768 / (Math.min(width, height) * fit)) * fit
  const tiles = Math.ceil(width * shrunk / 512) * Math.ceil(height * shrunk / 512)
  const edge = Math.min(1, 1568 / Math.max(width, height))
  const byArea = Math.min(Math.ceil(width * edge * height * edge / 750), largestImage)
  return Math.max(85 + 170 * tiles, byArea, 258)
}

/** Bytes for a second of sound, by format. Compressed sound is taken to be of 32 kbit/s: few are slower. */
const audioBytesPerSecond: Readonly<Record<string, number>> = {
  pcm16: 48_000,
  pcm: 48_000,
  g711_ulaw: 8000,
  wav: 32_000
}

/** What a WAV file says of itself is believed up to two channels of 96 kHz: a head that lies must not make it short. */
const mostAudio = 384_000

const secondsOf = (data: unknown, format: unknown): number => {
  const bytes = bytesIn(data)
  if (bytes === undefined) return 60
  const head = headOf(data, 64)
  const told = head.startsWith("RIFF") && head.startsWith("WAVE", 8) && head.length >= 32
    ? Math.min(head.charCodeAt(28) + head.charCodeAt(29) * 256 + head.charCodeAt(30) * 65536, mostAudio)
    : 0
  const known = typeof format === "string" && Object.hasOwn(audioBytesPerSecond, format)
  return bytes / (told > 0 ? told : known ? audioBytesPerSecond[format]! : 4000)
}

/** How many bytes base64 holds; undefined for what is an address. */
const bytesIn = (data: unknown): number | undefined => {
  if (typeof data !== "string" || /^[a-z]+:\/\//i.test(data)) return undefined
  const padding = data.endsWith("==") ? 2 : data.endsWith("=") ? 1 : 0
  return Math.floor((data.length - start(data) - padding) * 3 / 4)
}

const start = (data: string): number => {
  const match = dataType.exec(data)
  return match === null ? 0 : match[0].length
}

/** A photograph tells its size behind what it tells of how it was taken. */
const jpeg = "\xff\xd8"
const mostOfJpeg = 131_072

/** The first bytes of base64, a character each. */
const headOf = (data: unknown, length: number): string => {
  if (typeof data !== "string" || /^https?:/i.test(data)) return ""
  const from = start(data)
  const text = data.slice(from, from + Math.ceil(length * 4 / 3 / 4) * 4)
  try {
    return atob(text.length % 4 === 1 ? text.slice(0, -1) : text)
  } catch {
    return ""
  }
}
