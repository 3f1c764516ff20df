import { brotliCompressSync, constants } from 'node:zlib'

const BEST = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }

/** The work of the demo: brotli at full quality, which keeps a core busy for two seconds or so a megabyte. */
export const compress = (bytes: Uint8Array): Buffer => brotliCompressSync(bytes, BEST)
