import { spawnSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const SIZE = '256k'
const PIECE = Buffer.alloc(4_096, 1)
const FILLER = 'filler'

/**
 * What a `stateDir` is on: a small file system of its own, which can be full, or where we may mount none a folder, which can
 * be gone, with something in its place that is none.
 */
export class StateDisk {
  readonly path: string
  readonly #isMounted: boolean
  #isFull = false

  private constructor(path: string, isMounted: boolean) {
    this.path = path
    this.#isMounted = isMounted
  }

  static mount(path: string): StateDisk {
    mkdirSync(path)
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', path])
    return new StateDisk(path, status === 0)
  }

  /** @returns what is wrong with it now */
  break(): string {
    this.#isFull = true
    if (!this.#isMounted) {
      renameSync(this.path, `${this.path}-away`)
      writeFileSync(this.path, 'no folder')
      return 'gone (no file system can be mounted here)'
    }
    try {
      for (;;) writeFileSync(join(this.path, FILLER), PIECE, { flag: 'a' })
    } catch (error) {
      return String((error as NodeJS.ErrnoException).code)
    }
  }

  mend(): void {
    if (!this.#isFull) return
    this.#isFull = false
    if (this.#isMounted) {
      rmSync(join(this.path, FILLER))
      return
    }
    rmSync(this.path)
    renameSync(`${this.path}-away`, this.path)
  }

  unmount(): void {
    if (this.#isMounted) spawnSync('umount', ['-l', this.path])
  }
}
