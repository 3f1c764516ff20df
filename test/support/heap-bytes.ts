import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const gc: () => void = runInNewContext('gc')

/** What is in this thread's heap and used. */
export const heapBytes = (): number => {
  for (let n = 0; n < 3; n++) gc()
  return process.memoryUsage().heapUsed
}
