// The handler of tests that can handle nothing, whatever a message is, and that spoils what it was given.
export default function refuse(message) {
  message.value = Buffer.from('spoiled')
  message.headers = { spoiled: Buffer.from('spoiled') }
  throw new RangeError(`refused at ${message.offset}`)
}
