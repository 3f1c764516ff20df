import { types } from 'node:util'

const PEM = '-----BEGIN '

/**
 * Certificates and keys as data that survives a structured clone: a Buffer that holds PEM becomes text, another one a
 * copy as Uint8Array. Everything else comes back as it is.
 */
export const toPlainMaterial = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(toPlainMaterial)
  if (!types.isUint8Array(value)) return value
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8')
  // Bundles begin with comments.
  return text.includes(PEM) ? text : Uint8Array.from(value)
}
