import { InvalidArgumentError } from 'commander'
import { readNumber } from '../config/layers/from-text.js'

/** What follows `--admin`. */
export interface AdminFlag {
  /** Null: as the configuration file or the default has it. */
  readonly host: string | null
  readonly port: number
}

const PLACE = /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+)):)?(\d{1,5})$/

/** `[host:]port`, an IPv6 address in brackets. */
export const adminFlag = (value: string): AdminFlag => {
  const [, inBrackets, plain, port = ''] = PLACE.exec(value) ?? []
  const number = readNumber(port)
  if (number === undefined) throw new InvalidArgumentError('Expected a port, host:port or [address]:port.')
  return { host: inBrackets ?? plain ?? null, port: number }
}
