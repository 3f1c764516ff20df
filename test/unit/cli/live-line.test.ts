import { describe, expect, it } from 'vitest'
import { isScreen, LiveLine, type Screen } from '#src/cli/live-line.js'

const ESCAPE = '\u001b'
const TOKENS = new RegExp(`${ESCAPE}\\[(?:\\d*A|[KJ])|\\r|\\n|[^${ESCAPE}\\r\\n]+`, 'g')

/** A terminal that understands what the live line uses of one: carriage return, newline, up, erase to the end of it. */
class Terminal {
  columns = 80
  readonly lines: string[] = ['']
  #column = 0
  /** How far above the last line the cursor is; something is erased from there on before anything is written. */
  #above = 0

  readonly write = (chunk: string | Uint8Array): boolean => {
    for (const [token] of String(Buffer.from(chunk)).matchAll(TOKENS)) this.#take(token)
    return true
  }

  /** Another stream, such as stderr, that ends on the same screen. */
  stream(): Screen {
    const terminal = this
    return {
      get columns() {
        return terminal.columns
      },
      write: (chunk) => this.write(chunk),
    }
  }

  /** Another width: what is longer is broken, and the cursor stays behind the last character. */
  resize(columns: number): void {
    this.columns = columns
    const broken = this.lines.flatMap((line) => line.match(new RegExp(`.{1,${columns}}`, 'g')) ?? [''])
    this.lines.splice(0, this.lines.length, ...broken)
    this.#column = this.lines.at(-1)?.length ?? 0
  }

  #take(token: string): void {
    if (token.endsWith('A') && token.startsWith(ESCAPE)) {
      this.#above += Number(token.slice(2, -1))
      return
    }
    if (token === `${ESCAPE}[J`) {
      this.lines.length -= this.#above
      this.#above = 0
    }
    const last = this.lines.length - 1
    if (token === '\n') this.lines.push('')
    if (token === '\n' || token === '\r') this.#column = 0
    else if (token === `${ESCAPE}[K` || token === `${ESCAPE}[J`)
      this.lines[last] = (this.lines[last] ?? '').slice(0, this.#column)
    else {
      const line = (this.lines[last] ?? '').padEnd(this.#column)
      this.lines[last] = line.slice(0, this.#column) + token + line.slice(this.#column + token.length)
      this.#column += token.length
    }
  }
}

const setUp = () => {
  const terminal = new Terminal()
  const [out, err] = [terminal.stream(), terminal.stream()]
  return { terminal, out, err, line: new LiveLine(out, [err]) }
}

describe('the live line', () => {
  it('stays below everything that is written, by whomever', () => {
    const { terminal, out, err, line } = setUp()
    line.set('1 msg/s')
    out.write('a log line\n')
    err.write('a warning\n')
    out.write(Buffer.from('bytes\n'))
    line.set('2 msg/s')
    expect(terminal.lines).toEqual(['a log line', 'a warning', 'bytes', '2 msg/s'])
  })

  it('leaves no rest of a longer one', () => {
    const { terminal, line } = setUp()
    line.set('123,456 msg/s')
    line.set('1 msg/s')
    expect(terminal.lines).toEqual(['1 msg/s'])
  })

  it('leaves no rest of itself when the terminal becomes narrower', () => {
    const { terminal, out, line } = setUp()
    out.write('a log line\n')
    line.set('1 msg/s  lag 0  restarts 0  rebalances 0')
    terminal.resize(15)
    expect(terminal.lines.length).toBe(4)
    line.set('1 msg/s  lag 0')
    expect(terminal.lines).toEqual(['a log line', '1 msg/s  lag 0'])
    terminal.resize(7)
    out.write('a warning\n')
    expect(terminal.lines.slice(0, -1).join('|')).toBe('a log l|ine|a warning')
  })

  it('stays away while somebody is in the middle of a line', () => {
    const { terminal, out, line } = setUp()
    line.set('status')
    out.write('half of ')
    line.set('other status')
    out.write('')
    expect(terminal.lines).toEqual(['half of '])
    out.write('a line\n')
    expect(terminal.lines).toEqual(['half of a line', 'other status'])
  })

  it('is gone when it is closed, and the streams are as they were', () => {
    const { terminal, out, err, line } = setUp()
    line.set('status')
    line.close()
    out.write('last words')
    err.write(' of all')
    expect(terminal.lines).toEqual(['last words of all'])
    expect(line.close()).toBeUndefined()
  })
})

it.each([
  [true, 'xterm', true],
  [true, 'dumb', false],
  [false, 'xterm', false],
])('is for a terminal that can take it away again (%s, TERM=%s: %s)', (isTTY, TERM, expected) => {
  expect(isScreen({ isTTY }, { TERM })).toBe(expected)
})
