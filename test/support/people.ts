import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { developmentStatements } from '../../src/client/index.ts'
import type { Approval } from '../../src/contract/action.ts'
import { type Digest, digestOf, digestOfText } from '../../src/contract/digest.ts'
import type { RunKey } from '../../src/contract/evidence.ts'
import type { Principal } from '../../src/contract/principal.ts'
import type { About, Statement } from '../../src/contract/statement.ts'
import type { StopTarget } from '../../src/contract/stop.ts'
import { developmentIssuer } from '../../src/identity/statements.ts'
import type { WitnessOfGuard } from '../../src/worker/guard.ts'
import { stopAbout } from '../../src/worker/stopping.ts'

/**
 * The development issuer of all tests: a worker takes its statements since it is handed it. `HOME` is the folder in which a command signs
 * with it.
 */
export const HOME = mkdtempSync(join(tmpdir(), 'countersign-home-'))
export const issuer = developmentIssuer(join(HOME, '.countersign'))
export const statements = developmentStatements(issuer)

/** A principal of the development issuer, who may do everything. */
export const principalNamed = (subject: string, workspace: string, more: Partial<Principal> = {}): Principal => ({
  subject,
  issuer: 'development',
  kind: 'user',
  workspace,
  scopes: ['*'],
  assurance: {},
  development: true,
  ...more,
})

/** What somebody says in a workspace, signed for development. */
export const said = (about: About, subject: string, workspace: string, kind: Principal['kind'] = 'user'): Statement =>
  issuer.signDevelopment(about, { subject, kind, groups: ['*'], scopes: ['*'], workspace })

/** The start of a run. */
export const startOf = (workflowId: string, { subject, workspace, onBehalfOf }: Principal): Statement => {
  const behalf = onBehalfOf === undefined ? {} : { onBehalfOf }
  const about = {
    kind: 'start',
    workflowId,
    playbook: 'boxes',
    requestDigest: digestOf({}),
    workspace,
    ...behalf,
  } as const
  return said(about, subject, workspace)
}

/** An approval of an action, as the kernel writes it down once a host has heard it. */
export function approvalBy(
  subject: string,
  { runKey, step, actionDigest }: { readonly runKey: RunKey; readonly step: string; readonly actionDigest: Digest },
  workspace: string,
  { comment = '', at = new Date().toISOString() }: { readonly comment?: string; readonly at?: string } = {},
): Approval {
  const decision = 'approve'
  const about = { kind: 'decide', runKey, step, actionDigest, decision, commentDigest: digestOfText(comment) } as const
  const who = { subject, kind: 'user', groups: ['*'], scopes: ['*'], workspace } as const
  const statement = issuer.signDevelopment(about, who, { at: new Date(at) })
  return {
    step,
    decision,
    by: subject,
    comment,
    actionDigest,
    at,
    standing: { groups: ['*'], delegated: [] },
    statement,
  }
}

/** Believes every statement, and finds everybody in the groups that he says: for tests of what is decided without a ledger. */
export const CREDULOUS: WitnessOfGuard = {
  heard: async ({ who }) => ({ who, standing: { groups: who.groups, delegated: [] } }),
}

/** An undo, and a resolution, as another client sends them: signed by hand. */
export function undoBy(subject: string, runKey: RunKey, workspace: string, comment = '') {
  return { comment, statement: said({ kind: 'undo', runKey, whyDigest: digestOfText(comment) }, subject, workspace) }
}

export function resolutionBy(
  subject: string,
  of: { readonly runKey: RunKey; readonly step: string; readonly resolution: 'retry' | 'settled' },
  workspace: string,
  comment = '',
) {
  const { step, resolution } = of
  const statement = said({ kind: 'resolve', ...of, commentDigest: digestOfText(comment) }, subject, workspace)
  return { step, resolution, comment, statement }
}

/** The signed word of somebody who stops something, or lets it go on. */
export function wordOf(kind: 'stop' | 'resume', of: StopTarget, by: string, reason: string) {
  const statement = said(stopAbout(kind, of, reason), by, 'default')
  return { by, reason, statement }
}
