/** Whether a text is the beginning of JSON that broke off: a bracket or a text in it was not closed. */
export const isCutJson = (text: string): boolean => {
  if (!/^[{[]/.test(text)) return false
  let open = 0
  let inText = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inText) {
      if (code === backslash) i++
      else if (code === quote) inText = false
    } else if (code === quote) inText = true
    else if (code === 0x7b || code === 0x5b) open++
    else if ((code === 0x7d || code === 0x5d) && --open === 0) return false
  }
  return true
}

const backslash = 0x5c
const quote = 0x22
