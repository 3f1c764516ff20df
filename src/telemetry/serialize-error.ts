import { toErrorData } from '../protocol/error-data.js'

/** Anything thrown as a plain record for pino; hostile getters included. */
export const serializeError = (thrown: unknown): unknown => {
  const { name, ...rest } = toErrorData(thrown)
  return { type: name, ...rest }
}
