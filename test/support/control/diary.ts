import { monotonicMs } from '#src/util/clock.js'

/** What happened in a simulation and what must not have happened, with the times. */
export class Diary {
  readonly #beganAtMs = monotonicMs()
  readonly #lines: string[] = []
  readonly #faults = new Set<string>()

  event(what: string): void {
    this.#lines.push(`${Math.round(monotonicMs() - this.#beganAtMs)} ms: ${what}`)
  }

  fault(what: string): void {
    this.event(`FAULT: ${what}`)
    this.#faults.add(what)
  }

  get faults(): readonly string[] {
    return [...this.#faults]
  }

  /** The end of the story, for people. */
  last(lines: number): string {
    return this.#lines.slice(-lines).join('\n')
  }
}
