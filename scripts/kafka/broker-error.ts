/** The development broker cannot be found, started or asked. The message says what happened and what to do. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError'
}
