import { once } from 'node:events'

/** Standard output, no faster than somebody reads it. */
export const print = async (text: string | Uint8Array): Promise<void> => {
  const { stdout } = process
  if (!stdout.write(text) && !stdout.destroyed) await Promise.race([once(stdout, 'drain'), once(stdout, 'close')])
}

/** Nobody reads on (`… | head`): there is nothing left to do. */
export const endWithReader = (): void => {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}
