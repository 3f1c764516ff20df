/** Everything that an integration test says to the broker beside the code under test. */
export { adminClient, brokers, kafkaClient, producerClient } from './clients.js'
export { groupHistory, type LoggedGeneration, type LoggedMember } from './group-log.js'
export {
  committed,
  type DescribedGroup,
  type DescribedMember,
  describeGroup,
  describeGroupWithTool,
  type ToolMember,
} from './groups.js'
export { createTopic, makeTopic, produce, type TopicOptions, uniqueName } from './topics.js'
