/** What may be said of a run, whether it is a trial or not. */
export const RUN_STATUSES = ['pending', 'running', 'completed', 'failed', 'killed'] as const
export type RunStatus = (typeof RUN_STATUSES)[number]
