/**
 * Where the syntax error of an import is, to be added to its message: it need not be in the file that was imported. V8 puts
 * that before the stack, if Node lets it.
 *
 * @param path of the file that was imported
 */
export const syntaxPlace = (path: string, stack: string | undefined): string => {
  const [first = ''] = stack?.split('\n', 1) ?? []
  return /:\d+$/.test(first) ? ` (${first})` : `. This says where: node ${path}`
}
