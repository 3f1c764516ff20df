import { Agent, request } from 'node:http'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { processTask } from './program.mjs'

/*
 * Asks an admin server so many times a second, path after path, over connections that are kept, as Prometheus does, until it
 * is told to end. Says then how long each answer has taken, and how much CPU it has taken itself, in ms.
 */
const { perSecond, paths } = processTask()

const agent = new Agent({ keepAlive: true })

const ask = (url) =>
  new Promise((resolve, reject) => {
    const beganAt = performance.now()
    const sent = request(url, { agent }, (response) => {
      response.resume().on('end', () => {
        if (response.statusCode === 200) resolve(performance.now() - beganAt)
        else reject(new Error(`${url} was answered with ${response.statusCode}`))
      })
    })
    sent.on('error', reject).end()
  })

let isOver = false
const took = Object.fromEntries(paths.map((path) => [path, []]))

const askOn = async (address) => {
  const before = process.cpuUsage()
  const asked = []
  for (let n = 0, beganAt = performance.now(); !isOver; n++) {
    const path = paths[n % paths.length]
    asked.push(ask(address + path).then((ms) => took[path].push(ms)))
    // What is late is made up for: a server that is slow is asked no less.
    await sleep(Math.max(0, beganAt + ((n + 1) * 1_000) / perSecond - performance.now()))
  }
  await Promise.all(asked)
  const { user, system } = process.cpuUsage(before)
  process.send({ took, cpuMs: (user + system) / 1_000 })
}

process.on('message', ({ address }) => {
  if (address === undefined) isOver = true
  else void askOn(address)
})
process.send('ready')
