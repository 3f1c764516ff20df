import type { RestartConfig } from '../../config/resolved.js'
import type { StopSignal } from '../stop-signals.js'

/*
 * What the supervisor and the process of the pool say to each other, over the channel that Node opens between a process and
 * the one that it forks. Its end tells each that the other is gone.
 */

export type FromPool =
  /** It has read its configuration, which says how it is to be restarted. */
  | { readonly type: 'configured'; readonly restart: RestartConfig }
  /** The pool has started. */
  | { readonly type: 'running' }
  /** Its configuration, or its command line, cannot be used: it ends, and the next one would, too. */
  | { readonly type: 'refused' }

export type ToPool =
  /** Drain and end: the supervisor got that signal. */
  | { readonly type: 'stop'; readonly signal: StopSignal }
  /** End at once, with this exit code. */
  | { readonly type: 'end'; readonly code: number }
