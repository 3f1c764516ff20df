/** How many bytes of text `bytes` has at its start, up to `most`, so that no character is cut in two. */
const wholeCharacters = (bytes: Uint8Array, most: number): number => {
  let end = most
  // A byte 10xxxxxx continues a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return end
}

/** The text as UTF-8, cut off at the end of a character where it would be longer than that. */
export const utf8 = (text: string, mostBytes = Number.POSITIVE_INFINITY): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(Buffer.from(text))
  return bytes.length <= mostBytes ? bytes : bytes.slice(0, wholeCharacters(bytes, mostBytes))
}

/** What an error says of itself. */
export interface ErrorTexts {
  readonly class: string
  readonly message: string
  readonly stack: string
}

/** No single one takes the room of those behind it; the last has what is left. */
const SHARES = { class: 0.1, message: 0.5 } as const

/** The texts as UTF-8, no longer than that in all: the class first, then the message, then the stack. */
export const errorTexts = (
  texts: ErrorTexts,
  mostBytes: number,
): Readonly<Record<keyof ErrorTexts, Uint8Array<ArrayBuffer>>> => {
  const name = utf8(texts.class, Math.floor(mostBytes * SHARES.class))
  const message = utf8(texts.message, Math.floor(mostBytes * SHARES.message))
  return { class: name, message, stack: utf8(texts.stack, mostBytes - name.length - message.length) }
}
