/** What Linux says of a process in `/proc/<pid>/status`, in kB: what it has for itself, and what it has with others. */
const OWN = /^(?:RssAnon|RssShmem):\s*(\d+) kB$/gm

/**
 * Bytes of memory that a process has for itself: its heaps and Buffers, and not the pages of the program that all processes
 * of one program share.
 *
 * @param status the text of `/proc/<pid>/status`; null when there is none
 * @returns undefined when it does not say (another system, or the process is gone)
 */
export const ownMemory = (status: string | null): number | undefined => {
  const found = [...(status ?? '').matchAll(OWN)]
  return found.length === 0 ? undefined : found.reduce((sum, [, kib]) => sum + Number(kib) * 1024, 0)
}
