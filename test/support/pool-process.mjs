// A process that runs one pool, for tests that freeze or kill processes. It ends with its parent.
import process from 'node:process'
import { ConsumerPool } from '#src/index.js'


const nowMs = () => Number(process.hrtime.bigint()) / 1e6
const tell = (message) => {
  if (process.connected) process.send(message)
}

let pool

const orders = {
  async start({ options }) {
    pool = new ConsumerPool(options)

      pool.on(name, (payload) => tell({ type: 'event', name, payload: { ...payload, heardAtMs: nowMs() } }))
    }
    await pool.start()
  },
  async stop() {
    await pool.stop()
  },
  async status() {
    return pool.status()
  },
}

process.on('message', async ({ id, order, ...more }) => {
  try {
    tell({ type: 'answer', id, value: await orders[order](more) })
  } catch (error) {
    tell({ type: 'answer', id, error: { code: error.code, message: error.message } })
  }
})
process.on('disconnect', () => process.exit(1))
