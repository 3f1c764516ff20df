type Answer = { readonly type: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: Error }

/** The way to a process: Node's channel, or whatever is like it. */
export interface Channel {
  on(event: 'message', hear: (message: Answer) => void): unknown
  /** With the exit code or the signal, if they are known. */
  once(event: 'exit', listener: (code: number | null, signal: string | null) => void): unknown
  send(message: object, done: (error: Error | null) => void): unknown
}

/** Gives a process an order, with what belongs to it, and resolves with the answer; rejects when the process ends before. */
export type AskProcess = (order: string, more?: object) => Promise<unknown>

export const askProcess = (child: Channel): AskProcess => {
  const pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let lastId = 0
  child.on('message', (message: Answer) => {
    const asked = pending.get(message.id)
    pending.delete(message.id)
    if (message.error === undefined) asked?.resolve(message.value)
    else asked?.reject(Object.assign(new Error(message.error.message), message.error))
  })
  child.once('exit', (code, signal) => {
    for (const { reject } of pending.values()) reject(new Error(`the pool's process ended (${code ?? signal})`))
    pending.clear()
  })
  return (order, more = {}) =>
    new Promise<unknown>((resolve, reject) => {
      lastId += 1
      const id = lastId
      pending.set(id, { resolve, reject })
      child.send({ id, order, ...more }, (error) => {
        if (error === null) return
        pending.delete(id)
        reject(error)
      })
    })
}
