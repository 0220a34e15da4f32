/** The JSON of a text, `undefined` where it is none. Every chunk passes here, so it makes no `Result`. */
export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
