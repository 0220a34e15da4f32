/** Reads server-sent events from text that comes in pieces. */
export interface Message {
  readonly event: string
  readonly data: string
}

export class EventStream {
  private rest = ""

  /** The messages that are whole with this piece. */
  push(piece: string): ReadonlyArray<Message> {
    // A piece may end between the two characters of a line's end.
    const text = (this.rest + piece).replace(/\r\n/g, "\n")
    const blocks = text.split("\n\n")
    this.rest = blocks.pop() ?? ""
    return blocks.flatMap(messageOf)
  }
}

const messageOf = (block: string): ReadonlyArray<Message> => {
  const lines = block.split("\n")
  const valuesOf = (field: string) =>
    lines.filter((line) => line.startsWith(`${field}:`)).map((line) => line.slice(field.length + 1).replace(/^ /, ""))
  const data = valuesOf("data")
  return data.length === 0 ? [] : [{ event: valuesOf("event").at(-1) ?? "message", data: data.join("\n") }]
}
