/** Which of the sentences a language is answered with. */

/** The name of the sentence for a language tag: that of the whole tag, of its first part, or `default`. */
export const sentenceLanguage = (sentences: { readonly [language: string]: string }, language: string): string =>
  [language, language.split("-")[0]!.toLowerCase()].find((name) => Object.hasOwn(sentences, name)) ?? "default"
