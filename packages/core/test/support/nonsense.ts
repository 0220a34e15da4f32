/** What may be given for an option by mistake. */

export const circular: { self?: unknown } = {}
circular.self = circular
const throwing = (): never => {
  throw new Error("This must not be asked.")
}

export const values: { readonly [Name in string]: unknown } = {
  NaN,
  "zero below zero": -0,
  zero: 0,
  huge: 1e308,
  "the first that is not exact": 2 ** 53,
  tiny: 5e-324,
  negative: -1,
  half: 1.5,
  infinity: Infinity,
  bigint: 1n,
  "huge bigint": 2n ** 70n,
  "a day": "1 day",
  "two hundred years": "73000 days",
  text: "soon",
  "empty text": "",
  false: false,
  true: true,
  array: [1],
  "array with NaN": [NaN, 1],
  "array of bigints": [1n],
  "empty object": {},
  "misspelt unit": { second: 5 },
  "NaN seconds": { seconds: NaN },
  "bigint seconds": { seconds: 1n },
  circular,
  getters: {
    get seconds() {
      return throwing()
    },
    toJSON: throwing
  },
  proxy: new Proxy({}, { get: throwing, has: throwing, getPrototypeOf: throwing, ownKeys: throwing }),
  function: () => 1,
  symbol: Symbol("soon"),
  date: new Date(0)
}
