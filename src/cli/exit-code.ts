/** How the command ends. A second signal ends it with 128 + the signal's number. */
export const ExitCode = {
  /** Drained and stopped, as asked. */
  ok: 0,
  /** Wrong usage, or the pool could not start. */
  failed: 1,
  /** The pool could not heal itself any more (`EX_SOFTWARE` of sysexits.h). */
  escalated: 70,
} as const

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]
