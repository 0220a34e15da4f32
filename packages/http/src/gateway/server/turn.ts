/**
 * What is sent at the end of a turn of the event loop, on all connections one after the other. A write to a connection wakes
 * its client, which takes longer than anything else that an answer costs. The second of two writes in a row finds the
 * client awake.
 */

/** It must not throw. */
export interface Sender {
  readonly send: () => void
}

const waiting: Array<Sender> = []

/** Has it send when all else of this turn is done. */
export const sendAtEndOfTurn = (sender: Sender): void => {
  if (waiting.push(sender) === 1) setImmediate(sendAll)
}

const sendAll = (): void => {
  for (const sender of waiting.splice(0)) sender.send()
}
