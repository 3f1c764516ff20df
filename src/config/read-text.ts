import { readFileSync } from 'node:fs'
import type { ReadText } from './control-groups.js'

export const readText: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
