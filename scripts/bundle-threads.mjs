// Puts the code of a thread that handles messages into a few files: loading a hundred takes most of the time in which it starts.
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
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

/** Stack traces name the lines that were written, as they do outside the bundle, and not those that tsc made of them. */
const fromTypeScript = {
  name: 'from-typescript',
  load(id) {
    const map = JSON.parse(readFileSync(`${id}.map`, 'utf8'))
    const sources = map.sources.map((source) => join(dirname(id), source))
    const sourcesContent = sources.map((source) => readFileSync(source, 'utf8'))
    return { code: readFileSync(id, 'utf8'), map: { ...map, sources, sourcesContent } }
  },
}

const bundle = await rolldown({
  input: join(dist, 'workers', 'consumer.js'),
  platform: 'node',
  external: (id) => !isOwn(id) || SHARED.includes(id),
  plugins: [fromTypeScript],
})
const { output } = await bundle.write({ dir: target, format: 'esm', sourcemap: true, chunkFileNames: '[name].js' })
await bundle.close()

// What was there before goes when the new is there: a build that fails leaves the old one, and a pool that runs finds one.
const written = output.map(({ fileName }) => fileName)
for (const file of readdirSync(target)) if (!written.includes(file)) rmSync(join(target, file), { recursive: true })
