/** Everything that an integration test says to the broker beside the code under test. */
export type { LoggedGeneration, LoggedMember } from '#scripts/support/group-log.js'
export { makeTopic, uniqueName } from '#scripts/support/topics.js'
export { adminClient, brokers, kafkaClient, producerClient } from './clients.js'
export {
  committed,
  type DescribedGroup,
  type DescribedMember,
  describeGroup,
  describeGroupWithTool,
  groupHistory,
  type ToolMember,
} from './groups.js'
export { createTopic, produce, type TopicOptions } from './topics.js'
