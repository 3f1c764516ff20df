// Puts the code of a thread that handles messages into a few files: loading a hundred takes most of the time in which it starts.
import { rmSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const dist = fileURLToPath(new URL('../dist/', import.meta.url))
/** Beside `src`, so that the paths between them stay what they are. */
const target = join(dist, 'threads')

/** What a handler may import of the package, too: its classes have to be the same ones. */
const SHARED = ['src/index.js', 'src/handler.js', 'src/data/handler.js', 'src/errors.js'].map((file) =>
  join(dist, file),
)

const isOwn = (id) => id.startsWith('.') || isAbsolute(id)

rmSync(target, { recursive: true, force: true })
const bundle = await rolldown({
  input: join(dist, 'workers', 'consumer.js'),
  platform: 'node',
  external: (id) => !isOwn(id) || SHARED.includes(id),
})
await bundle.write({ dir: target, format: 'esm', sourcemap: true, chunkFileNames: '[name].js' })
await bundle.close()
