// A handler whose thread dies, whatever it does or does not do, while a file is there: dies-idle.mjs?there=/some/file; the
// number of its slot stands behind the name.
import { existsSync } from 'node:fs'
import process from 'node:process'

const there = new URL(import.meta.url).searchParams.get('there')

export const setup = ({ slot }) => {
  setInterval(() => existsSync(`${there}${slot}`) && process.exit(7), 5)
}

export default () => {}
