import { Meter } from '../support/meter.mjs'
import { givenByMain } from '../support/thread-data.mjs'
import handler from './cpu.mjs'

/* A thread without Kafka: nothing but calls of the handler, until all threads together have made enough of them. */
const meter = new Meter(givenByMain().meter)
while (meter.open) handler()
