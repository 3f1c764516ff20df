/**
 * Stands where no value of a union is left: the compiler refuses when one is. One that comes all the same, from the other
 * side of a thread's boundary, is a fault that is thrown.
 */
export const unreachable = (value: never): never => {
  const { type = value } = (value ?? {}) as { readonly type?: unknown }
  throw new Error(`nothing is known of ${String(type)}`)
}
