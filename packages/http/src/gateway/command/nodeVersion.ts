/** Whether a Node is new enough. In the syntax and with the functions of an old one. */

/** One sentence on a Node that is older than `needed`, such as `>=22.19`, says; undefined for another one. */
export const complaintOf = (version: string, needed: string): string | undefined => {
  const [major = 0, minor = 0] = numbersIn(version)
  const [leastMajor = 0, leastMinor = 0] = numbersIn(needed)
  return major > leastMajor || major === leastMajor && minor >= leastMinor
    ? undefined
    : `switchgear needs Node.js ${leastMajor}.${leastMinor} or newer, and this is ${version}: install a current one from https://nodejs.org and run the same command again.`
}

const numbersIn = (text: string): ReadonlyArray<number> => (text.match(/\d+/g) ?? []).map(Number)
