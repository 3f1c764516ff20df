import type { Message } from '../message.js'

/**
 * Gives every getter of a class of messages a setter: what is assigned is a field of that one object from then on, in
 * front of what was fetched. A message to which nothing is assigned costs nothing for it.
 */
export const makeAssignable = ({ prototype }: { readonly prototype: object }): void => {
  for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (get === undefined) continue
    const set = function (this: object, value: unknown): void {
      Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true })
    }
    Object.defineProperty(prototype, name, { get, set, enumerable: false, configurable: true })
  }
}

/** Takes back what a handler has assigned to a message, so that the next attempt sees it as it was fetched. */
export const asFetched = (message: Message): void => {
  const prototype: object = Object.getPrototypeOf(message)
  for (const name of Object.keys(message)) if (name in prototype) Reflect.deleteProperty(message, name)
}
