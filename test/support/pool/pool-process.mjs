// A process that runs one pool, for tests that freeze or kill processes. It ends with its parent.
import process from 'node:process'
import { ConsumerPool } from '#src/index.js'

let pool

const orders = {
  async start({ options }) {
    pool = new ConsumerPool(options)
    await pool.start()
  },
  async stop() {
    await pool.stop()
  },
  async status() {
    return pool.status()
  },
}

const answer = (message) => {
  if (process.connected) process.send(message)
}

process.on('message', async ({ id, order, ...more }) => {
  try {
    answer({ type: 'answer', id, value: await orders[order](more) })
  } catch (error) {
    answer({ type: 'answer', id, error: { code: error.code, message: error.message } })
  }
})
process.on('disconnect', () => process.exit(1))
