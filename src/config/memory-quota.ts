import { controlGroups, type ReadText } from './control-groups.js'

/** Bytes; none for `max`, or what is no number. */
const bytes = (text: string | null): number[] => {
  const limit = Number(text?.trim() || Number.NaN)
  return limit > 0 && Number.isFinite(limit) ? [limit] : []
}

/**
 * The memory that the process may take, in bytes, as the tightest of its control groups, of version 1 and 2, says:
 * beyond it the process is ended, or (`memory.high`) slowed down until it hardly moves.
 *
 * @param machineBytes what the machine has: version 1 says a number beyond that where nothing limits the process
 * @returns null when nothing limits it
 */
export const memoryQuota = (read: ReadText, machineBytes: number): number | null => {
  const { v1, v2 } = controlGroups(read, 'memory')
  const files = [
    ...v2.flatMap((folder) => [`${folder}/memory.max`, `${folder}/memory.high`]),
    ...v1.map((folder) => `${folder}/memory.limit_in_bytes`),
  ]
  const quota = Math.min(...files.flatMap((file) => bytes(read(file))))
  return quota < machineBytes ? quota : null
}
