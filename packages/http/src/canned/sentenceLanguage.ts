/** Which of the sentences a language is answered with. */
import * as Tags from "./tags.ts"

/** The name of the sentence for a tag: of the same tag, else of the nearest one that is there, else `default`. */
export const sentenceLanguage = (sentences: { readonly [language: string]: string }, language: string): string => {
  // The usual case: a guess, or a tag as it is written there.
  if (Object.hasOwn(sentences, language)) return language
  const byTag = new Map(Object.keys(sentences).map((name) => [Tags.canonical(name), name]))
  return Tags.lookup(language).map((tag) => byTag.get(tag)).find((name) => name !== undefined) ?? "default"
}
