import { printable } from '../printable.js'
import { UsageError } from '../usage-error.js'
import { oneLine, SHOWN_BYTES, shownBytes } from './bytes.js'
import { type ConnectionFlags, withClient } from './connection.js'
import { type Letter, nameOf } from './letter.js'
import { print } from './output.js'
import { type Position, positionName } from './positions.js'
import { scan } from './scan.js'
import { isMeant, rangesFor } from './selection.js'

export interface ShowFlags extends ConnectionFlags {
  readonly at: readonly Position[]
  readonly full?: boolean
  readonly value?: boolean
}

const STACK = 'kcp-dlq-error-stack'

const sizeOf = (bytes: Uint8Array | null): string => (bytes === null ? 'null' : `${bytes.length} bytes`)

const describe = (letter: Letter, full: boolean): string => {
  const { raw, said } = letter
  const most = full ? Number.POSITIVE_INFINITY : SHOWN_BYTES
  const headers = raw.headers.map((header) => [nameOf(header), header[1]] as const)
  const stack = said.get('error-stack') ?? ''
  return [
    `at ${positionName(letter)}, timestamp ${raw.timestamp}, key ${sizeOf(raw.key)}, value ${sizeOf(raw.value)}, ${headers.length} headers`,
    ...headers
      .filter(([name]) => name !== STACK)
      .map(([name, value]) => `  ${oneLine(Buffer.from(name))}: ${oneLine(value, full ? most : 500)}`),
    ...(stack === ''
      ? []
      : [
          `  ${STACK}:`,
          ...printable(stack)
            .split('\n')
            .map((line) => `    ${line}`),
        ]),
    '--- key',
    shownBytes(raw.key, most),
    '--- value',
    shownBytes(raw.value, most),
    '',
  ].join('\n')
}

/** `dlq show`: one dead letter, or a few; with `--value` the bytes of its value and nothing else. */
export const show = (flags: ShowFlags): Promise<void> =>
  withClient(flags, async (client) => {
    if (flags.value === true && flags.at.length > 1) throw new UsageError('--value takes one position')
    const missing = new Set(flags.at.map(positionName))
    for (const range of await rangesFor(client, flags.topic, flags)) {
      for await (const letters of scan(client, flags.topic, range)) {
        for (const letter of letters) {
          if (!isMeant(letter, flags)) continue
          missing.delete(positionName(letter))
          if (flags.value === true) await print(letter.raw.value ?? '')
          else await print(`${describe(letter, flags.full === true)}\n`)
        }
      }
    }
    if (missing.size > 0) throw new UsageError(`there is nothing at ${[...missing].join(', ')} of "${flags.topic}"`)
  })
