/** Milliseconds of the one clock that all processes of this machine share. It never goes back. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6
