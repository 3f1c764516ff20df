/** The command was called in a way that makes no sense; the message says what is wrong. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
