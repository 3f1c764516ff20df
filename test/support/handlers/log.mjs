/** Logs a line of little and a line of more importance for each message. */
export default (_message, { log }) => {
  log.info('quiet')
  log.warn('loud')
}
