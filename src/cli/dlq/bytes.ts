import { printable } from '../printable.js'

/** How much of a part is shown of which not all was asked for. */
export const SHOWN_BYTES = 4 * 1024
const ROW_BYTES = 16

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text that the bytes are, or null: neither what is no UTF-8, nor what would steer the terminal. */
export const textOf = (bytes: Uint8Array): string | null => {
  try {
    const text = decoder.decode(bytes)
    return printable(text) === text ? text : null
  } catch {
    return null
  }
}

const hexRow = (bytes: Uint8Array, at: number): string => {
  const row = bytes.subarray(at, at + ROW_BYTES)
  const hex = [...row].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
  const text = [...row].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
  return `${at.toString(16).padStart(8, '0')}  ${hex.padEnd(3 * ROW_BYTES - 1)}  ${text}`
}

/** Offset, bytes and characters, sixteen in a row. */
export const hexOf = (bytes: Uint8Array): string =>
  Array.from({ length: Math.ceil(bytes.length / ROW_BYTES) }, (_, row) => hexRow(bytes, row * ROW_BYTES)).join('\n')

/** At the end of a character, if what is there is text. */
const cut = (bytes: Uint8Array, most: number): Uint8Array => {
  for (let end = most; end > most - 4; end--) {
    if (textOf(bytes.subarray(0, end)) !== null) return bytes.subarray(0, end)
  }
  return bytes.subarray(0, most)
}

/** A part of a message for people: as text if it is, else in hexadecimal. */
export const shownBytes = (bytes: Uint8Array | null, most = Number.POSITIVE_INFINITY): string => {
  if (bytes === null) return 'null'
  if (bytes.length === 0) return '(empty)'
  const shown = bytes.length > most ? cut(bytes, most) : bytes
  const more = bytes.length - shown.length
  const rest = more === 0 ? '' : `\n… and ${more} bytes more (--full shows all)`
  return (textOf(shown) ?? hexOf(shown)) + rest
}

/** A short part on one line: of a header, say. */
export const oneLine = (bytes: Uint8Array | null, most = 200): string => {
  if (bytes === null) return 'null'
  const text = textOf(bytes)
  const shown = text === null ? `0x${Buffer.from(bytes).toString('hex')}` : text.replaceAll('\n', '\\n')
  return shown.length > most ? `${shown.slice(0, most)}…` : shown
}
