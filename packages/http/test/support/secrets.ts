/** What nobody but caller and provider may see: words that occur nowhere else. */
export const planted = {
  key: "sk-proj-Q7mZ2vXw9LrT4kYbN8",
  password: "hunter-Kq8Zt3WnPm",
  query: "qs-Lm5Rj9Xc7Vb2Tz",
  prompt: "Grivolt Askemund wohnt hinter der \"Zwiebelmühle\" und bittet um Quarzlinsen",
  short: "Plonkwitz?",
  system: "Zorbidat ist geheim:\nKestrelwurm kostet in Ombrafell die Hälfte",
  argument: "Ylvandra Tremontis von Station Nebelquist",
  definition: "Bucht Plumgarnet in der Wuchtelbinge",
  reply: "Fjordnaught sagt, dass Palimwick 318 Taler bringt",
  reasoning: "Vexomere klingt nach Druzzelpfad am Hintersee",
  called: "Skrimblat-55-Ovanta-Lurchenau"
}

/** As providers quote: whole, in part, otherwise written, in pieces. */
export const quotations: ReadonlyArray<readonly [string, (secret: string) => string]> = [
  ["whole", (secret) => secret],
  ["its first half", (secret) => secret.slice(0, secret.length >> 1)],
  ["its last half", (secret) => secret.slice(secret.length >> 1)],
  ["its middle", (secret) => secret.slice(secret.length >> 2, -(secret.length >> 2))],
  ["nine characters of it", (secret) => secret.slice(1, 10)],
  ["in capitals", (secret) => secret.toUpperCase()],
  ["in small letters", (secret) => secret.toLowerCase()],
  ["as JSON", (secret) => JSON.stringify(secret)],
  ["as JSON in JSON", (secret) => JSON.stringify(JSON.stringify({ secret }))],
  ["in a URL", (secret) => `https://example.com/?q=${encodeURIComponent(secret)}&page=1`],
  ["on two lines", (secret) => `${secret.slice(0, secret.length >> 1)}\r\n${secret.slice(secret.length >> 1)}`],
  ["with more space", (secret) => secret.replaceAll(" ", " \t\n ")],
  ["in a word", (secret) => `request_${secret}_denied`],
  ["after a long sentence", (secret) => `${"The server is sorry. ".repeat(8)}${secret}`],
  ["shortened", (secret) => `${secret.slice(0, 12)}...${secret.slice(-12)}`]
]

const plain = (text: string): string => text.toLowerCase().replace(/\s+/g, " ")

const length = 8

/** Pieces of each secret, however it is written. */
const pieces: ReadonlyMap<string, string> = new Map(
  Object.entries(planted).flatMap(([name, secret]) =>
    [
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret),
      Buffer.from(secret).toString("base64")
    ]
      .map(plain)
      .flatMap((written) =>
        Array.from(
          { length: Math.max(1, written.length - length + 1) },
          (_, i) => [written.slice(i, i + length), name] as const
        )
      )
  )
)

/** The pieces of at least eight characters of any secret that are in a text, each run once with what stands around it. */
export const leaks = (seen: string): ReadonlyArray<string> => {
  const text = plain(seen)
  const found = new Map<string, string>()
  for (let at = 0; at + length <= text.length; at++) {
    const name = pieces.get(text.slice(at, at + length))
    if (name !== undefined && !found.has(name)) found.set(name, text.slice(Math.max(0, at - 60), at + 40))
  }
  return [...found].map(([name, around]) => `${name}: …${around}…`)
}
