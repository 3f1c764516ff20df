/** `orders-3`, as Kafka itself writes it: for people, and as a key. */
export const partitionName = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string =>
  `${topic}-${partition}`
