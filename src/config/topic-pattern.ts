/*
 * Topics by regular expression. As text, in a file or on the command line, one stands between slashes, `/^orders-/`, which no
 * name of a topic can have; so it is kept, because a thread is sent plain data.
 */

/** What a search remembers between two calls has no place here. */
const STATEFUL = /[gy]/g

export const isPattern = (text: string): boolean => text.startsWith('/')

/** @throws SyntaxError */
export const readPattern = (text: string): RegExp => {
  const end = text.lastIndexOf('/')
  if (end < 2) throw new SyntaxError('expected a regular expression between two slashes')
  return new RegExp(text.slice(1, end), text.slice(end + 1).replace(STATEFUL, ''))
}

/** The same text for what finds the same. */
export const patternText = ({ source, flags }: RegExp): string => `/${source}/${flags.replace(STATEFUL, '')}`
