// A handler whose import does not come to an end.
await new Promise((resolve) => setTimeout(resolve, 2 ** 30))

export default () => {}
