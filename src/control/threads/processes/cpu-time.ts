/** Of Linux's `USER_HZ`, which is the same on every machine that Node runs on. */
const TICK_MS = 10
/** Of what follows the name of the program, which may have anything in it: times in user and in kernel mode. */
const [USER, KERNEL] = [11, 12]

/**
 * For how long a process has had the CPU, in ms.
 *
 * @param stat the text of `/proc/<pid>/stat`; null when there is none
 * @returns undefined when it does not say (another system, or the process is gone)
 */
export const cpuTimeMs = (stat: string | null): number | undefined => {
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
  const ticks = Number(fields[USER] ?? Number.NaN) + Number(fields[KERNEL] ?? Number.NaN)
  return Number.isNaN(ticks) ? undefined : ticks * TICK_MS
}
