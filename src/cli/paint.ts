export type Color = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold'

/** Puts text into a colour, or leaves it as it is where colours are not wanted. */
export type Paint = (color: Color, text: string) => string

const ESCAPES: Readonly<Record<Color, readonly [on: number, off: number]>> = {
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
  dim: [2, 22],
  bold: [1, 22],
}

export const inColor: Paint = (color, text) => {
  const [on, off] = ESCAPES[color]
  return `\u001b[${on}m${text}\u001b[${off}m`
}

export const plain: Paint = (_color, text) => text

/** Colours only where the terminal has them and nobody refused them (`NO_COLOR`, `TERM=dumb`). */
export const paintFor = (stream: { hasColors?(): boolean }): Paint => (stream.hasColors?.() === true ? inColor : plain)
