/**
 * What reconciliation can find, with what to do about it. The codes stand in the output of `countersign reconcile`, so they are not
 * renamed.
 */
export const FINDINGS = {
  effect_claimed:
    'No host signed that it was done: look in the system of record whether it happened, and at who can complete activities.',
  reading_claimed:
    'No host signed what this step returned: do not rely on what the run made of it, and see who can complete activities.',
  effect_not_in_ledger: 'The ledger was restored, altered, or is another one: look in the system of record.',
  result_differs: 'Believe neither: look in the system of record, and see who can write to ledger and namespace.',
  input_differs: 'Believe neither: look in the system of record, and see who can write to ledger and namespace.',
  effect_untold:
    'It happened, and what is left of the history does not tell: look for executions that were reset, terminated or deleted.',
  undo_not_in_ledger: 'A host that undoes or bars a step writes it down, so none did: undo it by hand.',
  effect_stands: 'The run says that nothing of it stands: undo it by hand in the system of record.',
  effect_gone: 'The run says that it stands: see who had it undone, and whether it has to be done again.',
  effect_unsettled: 'Nobody can tell whether it happened: look in the system of record, and put it right.',
  ended_outside: 'Nothing was undone when the run was ended: undo the effect by hand unless it is to stand.',
  run_not_in_ledger: 'The ledger was restored, altered, or is another one: check DATABASE_URL, then see who could.',
  run_differs: 'The row of the run was altered, or its history is not that of a kernel: see who can write to either.',
  history_missing:
    'Temporal has nothing (more) of the run: it was deleted, or is no longer kept. The ledger is what is left.',
} as const satisfies Record<string, string>

export type FindingCode = keyof typeof FINDINGS

/** A place at which a history and the ledger do not agree, or a history says what no host said. */
export interface Finding {
  readonly code: FindingCode
  /** `null`: it is about the run. */
  readonly step: string | null
  /** One sentence. */
  readonly message: string
  /** In the history that it was found in; `null` where no event says it. */
  readonly eventId: number | null
}
