/** Flags of a program that is no file. A child has one. */
const PROGRAM = ['-e', '--eval', '-p', '--print', '-pe', '--input-type']
/** Those of them, and of the inspector, whose value may stand apart. */
const WITH_VALUE = [...PROGRAM, '--inspect-port', '--debug-port']
const INTERACTIVE = ['-i', '--interactive']
const WAITING = ['--inspect-brk', '--inspect-wait']
const INSPECTED = ['--inspect', ...WAITING]

/** `--inspect=0.0.0.0:9229` has one, `--inspect=9229` has not. */
const hostOf = (address: string | undefined): string => {
  const colon = address?.lastIndexOf(':') ?? -1
  return colon > 0 ? `${address?.slice(0, colon)}:` : ''
}

/**
 * The flags of Node with which a child process begins: those of this one (loaders, preloaded modules, V8's flags), but that
 * each child's inspector takes a free port, and waits for nobody.
 *
 * @param own `process.execArgv`
 * @param nodeOptions the environment variable `NODE_OPTIONS`, which each child has, too
 */
export const childFlags = (own: readonly string[], nodeOptions = ''): string[] => {
  const flags: string[] = []
  for (let at = 0; at < own.length; at++) {
    const flag = own[at] as string
    const [name, value] = flag.split(/=(.*)/s, 2) as [string, string | undefined]
    if (WITH_VALUE.includes(name)) at += value === undefined ? 1 : 0
    else if (INSPECTED.includes(name)) flags.push(`--inspect=${hostOf(value)}0`)
    else if (!INTERACTIVE.includes(name)) flags.push(flag)
  }
  for (const flag of WAITING) {
    if (nodeOptions.split(/[\s="]+/).includes(flag)) flags.push(flag.replace('--', '--no-'))
  }
  // Also when NODE_OPTIONS has the inspector, or a signal begins it.
  return flags.some((flag) => flag.startsWith('--inspect=')) ? flags : [...flags, '--inspect-port=0']
}
