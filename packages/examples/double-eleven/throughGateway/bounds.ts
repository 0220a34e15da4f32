/** How long and how fast the night is played through a gateway. */

/** Minutes after which it ends by itself. */
export const watchStop = 10

/** How many times faster than the night: slow enough for somebody who watches. */
export const watchSpeed = 2
