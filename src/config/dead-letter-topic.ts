/** Stands for the name of the topic that a message came from. */
const PLACEHOLDER = '{topic}'

/** The topic to which dead letters of `topic` go, as option `deadLetter.topic` names it. */
export const deadLetterTopic = (pattern: string, topic: string): string => pattern.replaceAll(PLACEHOLDER, () => topic)
