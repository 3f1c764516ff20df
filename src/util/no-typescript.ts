/** What to do on a Node that does not run TypeScript by itself. */
export const noTypeScript = (what: string): string =>
  `Node ${process.versions.node} runs no TypeScript: compile ${what} and name the .js file, or use Node 22.18 or 24, or start Node with a loader: node --import tsx …`

/** Whether the error of an import says that. */
export const isNoTypeScript = (path: string, code: unknown): boolean =>
  code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?tsx?$/.test(path)
