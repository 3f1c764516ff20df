// A module without a handler.
export const settings = { some: 'thing' }
