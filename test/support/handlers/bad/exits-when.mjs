// A handler whose module cannot be loaded any more once a file is there: exits-when.mjs?there=/some/file
import { existsSync } from 'node:fs'
import process from 'node:process'

if (existsSync(new URL(import.meta.url).searchParams.get('there'))) process.exit(3)

export default ({ value }) => {
  if (value.toString() === 'exit') process.exit(7)
}
