import type { Fault } from '../fault.js'
import { BROKER_FAULTS } from './brokers.js'
import { CHILD_FAULTS } from './children.js'
import { CLUSTER_FAULTS } from './cluster.js'
import { NETWORK_FAULTS } from './network.js'
import { PROCESS_FAULTS } from './processes.js'
import { SUPERVISED_FAULTS } from './supervised.js'
import { THREAD_FAULTS } from './threads.js'

/** Every fault that is known. */
export const FAULTS: readonly Fault[] = [
  ...THREAD_FAULTS,
  ...PROCESS_FAULTS,
  ...NETWORK_FAULTS,
  ...BROKER_FAULTS,
  ...CLUSTER_FAULTS,
  ...CHILD_FAULTS,
  ...SUPERVISED_FAULTS,
]
