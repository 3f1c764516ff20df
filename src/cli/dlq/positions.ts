import { InvalidArgumentError } from 'commander'

/** A place in the dead-letter topic. */
export interface Position {
  readonly partition: number
  readonly offset: bigint
}

export const positionName = ({ partition, offset }: Position): string => `${partition}:${offset}`

/** Reads `0:17`, or several between commas, or given again. */
export const readPositions = (value: string, before: readonly Position[] | undefined): readonly Position[] => {
  const positions = value.split(',').map((item) => {
    const [, partition, offset] = /^(\d{1,9}):(\d{1,18})$/.exec(item.trim()) ?? []
    if (partition === undefined || offset === undefined) {
      throw new InvalidArgumentError('Expected <partition>:<offset>, such as 0:17, or several between commas.')
    }
    return { partition: Number(partition), offset: BigInt(offset) }
  })
  return [...(before ?? []), ...positions]
}

/** Reads `3`, or several between commas, or given again. */
export const readPartitions = (value: string, before: readonly number[] | undefined): readonly number[] => {
  const items = value.split(',').map((item) => item.trim())
  if (!items.every((item) => /^\d{1,9}$/.test(item))) {
    throw new InvalidArgumentError('Expected the number of a partition, or several between commas.')
  }
  return [...(before ?? []), ...items.map(Number)]
}
