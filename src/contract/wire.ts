import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'

/**
 * The names that stand in histories, search attributes and ids. Renaming one breaks running histories, so a
 * test holds them fixed.
 */
export const WIRE = {
  updates: { decide: 'decide', undo: 'undo', resolve: 'resolve', outcome: 'outcome' },
  signals: { decide: 'decide', undo: 'undo', resolve: 'resolve' },
  queries: { status: 'status' },
  activities: {
    openRun: 'countersign.openRun',
    recall: 'countersign.recall',
    think: 'model.think',
    spent: 'countersign.spent',
    seal: 'countersign.seal',
    hear: 'countersign.hear',
    notify: 'countersign.notify',
    /** Added to the name of a write tool. */
    preview: '.preview',
    undo: '.undo',
  },
} as const

/** Whom limits over time count by in every playbook: they stand in policies. */
export const SUBJECTS_OF_RUNS = ['principal', 'workspace', 'playbook'] as const

/**
 * The search attributes of a run, registered by `countersign setup`. Nothing personal: they are plain text in
 * every Temporal installation.
 */
export const SEARCH_ATTRIBUTES = {
  state: defineSearchAttributeKey('CountersignState', SearchAttributeType.KEYWORD),
  waitingFor: defineSearchAttributeKey('CountersignWaitingFor', SearchAttributeType.KEYWORD),
  playbook: defineSearchAttributeKey('CountersignPlaybook', SearchAttributeType.KEYWORD),
  workspace: defineSearchAttributeKey('CountersignWorkspace', SearchAttributeType.KEYWORD),
  policyDigest: defineSearchAttributeKey('CountersignPolicyDigest', SearchAttributeType.KEYWORD),
  /** Micro-dollars. */
  spend: defineSearchAttributeKey('CountersignSpendMicroUsd', SearchAttributeType.INT),
} as const

/** The update id of `outcome` is always this, so that any number of callers share one of Temporal's ten slots. */
export const OUTCOME_UPDATE_ID = 'outcome'

/** Where workers listen and clients send unless told otherwise. */
export const DEFAULT_TASK_QUEUE = 'countersign'

/** The version of the kernel, on the record of every run. */
export const KERNEL_VERSION = '0.1.0'
