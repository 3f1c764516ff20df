// A thread entry that misbehaves when it is told to: `config.handler` names how, the message `go-on` says when.
import { execSync, spawn } from 'node:child_process'
import process from 'node:process'
import { isMainThread, parentPort, threadId } from 'node:worker_threads'
import { WrittenPage } from '#src/protocol/written-page.js'

const toData = (error) => ({ name: error.name, message: error.message, stack: error.stack, code: error.code })

const misbehave = {
  nothing() {},
  throws() {
    throw new TypeError('boom')
  },
  throwsNull() {
    throw null
  },
  rejects() {
    Promise.reject(new RangeError('nobody awaits me'))
  },
  exits() {
    process.exit(7)
  },
  loops() {
    for (;;);
  },
  // Nobody can interrupt this; the file tells that it has begun.
  blocks(_port, marker) {
    execSync(`touch ${marker}; sleep 2`)
  },
  hoards(_port, mb) {
    globalThis.hoard = Buffer.alloc(mb * 2 ** 20, 1)
  },
  // A process that outlives this one, and prints where this one does.
  adopts(_port, seconds) {
    spawn('sleep', [seconds], { stdio: 'inherit', detached: true }).unref()
  },
  /** What libraries do that find themselves in a worker thread. */
  posts() {
    for (const said of [null, undefined, 'done', { type: 'threw' }, { type: 'ended' }]) parentPort.postMessage(said)
    parentPort.removeAllListeners()
    parentPort.close()
  },
  leaks() {
    const kept = []
    for (;;) kept.push({ text: `${kept.length}` })
  },
  kills(_port, signal) {
    process.kill(process.pid, signal)
    for (;;);
  },
  prints(_port, text) {
    console.log(text)
    console.error(text)
  },
  /** What a handler sees of the process. */
  looks(port) {
    const { send, channel, execArgv, pid, env } = process
    const facts = { sends: send !== undefined || channel !== undefined, isMainThread, execArgv, pid, mark: env.MARK }
    port.postMessage({ type: 'log', line: JSON.stringify(facts) })
  },
  talksAndExits(port) {
    for (let n = 0; n < 3_000; n++) port.postMessage({ type: 'log', line: String(n) })
    process.exit(7)
  },
}

/** Writes on the page that it is given as fast as it can, with an epoch by which a half-written note would show. */
const hammer = ({ file }, { page: memory, at }) => {
  const page = WrittenPage.over(memory, file.fd, at)
  for (let offset = 1; ; offset++) {
    page.setEpoch(0, Math.imul(offset, 2654435761))
    page.finish(0, offset)
  }
}

export default (task) =>
  new Promise((resolve, reject) => {
    const { port, config } = task
    const [how, argument] = config.handler.split(':')
    port.on('message', (message) => {
      if (message.type === 'assign' && how === 'hammers') hammer(task, message)
      if (message.type === 'go-on' && how === 'returns') resolve('done')
      else if (message.type === 'go-on' && how === 'givesUp') {
        const error = Object.assign(new Error('no default export'), { code: 'KCP_HANDLER_NOT_A_FUNCTION' })
        reject(new Error('cannot start', { cause: toData(error) }))
      } else if (message.type === 'go-on') misbehave[how](port, argument)
      else if (message.type === 'quiesce' && how !== 'silent')
        port.postMessage({ type: 'done', requestId: message.requestId })
      else if (message.type === 'stop' && how !== 'deaf') resolve('stopped')
    })
    port.postMessage({ type: 'ready', threadId, effective: { clientId: task.clientId } })
  })
