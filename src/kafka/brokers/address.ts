/** Where a broker listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

const DEFAULT_PORT = 9092

/** Reads `host`, `host:port` and `[v6 address]:port`, optionally behind a scheme (`PLAINTEXT://`). */
export const parseAddress = (text: string): Address => {
  const [, bracketed, plain, port] = /^(?:\w+:\/\/)?(?:\[([^\]]+)\]|([^:]*))(?::(\d+))?$/.exec(text.trim()) ?? []
  const host = bracketed ?? plain ?? text
  return { host, port: port === undefined ? DEFAULT_PORT : Number(port) }
}

export const formatAddress = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
