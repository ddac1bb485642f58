import { fail, type Failure, failureOf } from '../contract/failures.ts'
import { sameName } from '../contract/principal.ts'
import type { KeyFacts } from '../ledger/key-holders.ts'
import type { Bearer } from './bearer.ts'

/** Who has it in a workspace may read the payloads of the runs there. */
const READ_PAYLOADS = 'payloads:read'

/** Whose a key is. */
type Owned = Pick<KeyFacts, 'runs' | 'holder'>
type Asker = Pick<Bearer, 'subject' | 'issuer' | 'workspaces' | 'scopesIn'>

const isOf = ({ subject, issuer }: Pick<Bearer, 'subject' | 'issuer'>, other: Pick<Bearer, 'subject' | 'issuer'>) =>
  sameName(subject, other.subject) && issuer === other.issuer

/** Why somebody may not read in one of several workspaces; `undefined`: he may in all. */
function unreadable(bearer: Asker, workspaces: readonly string[]): Error | undefined {
  // Another workspace is not named: who is not of it is not told that it is there.
  if (!workspaces.every((name) => bearer.workspaces.includes(name))) {
    return fail('workspace_refused', 'the payload is of a workspace that the token is not of')
  }
  if (workspaces.every((name) => bearer.scopesIn(name).includes(READ_PAYLOADS))) return undefined
  return fail('scope_missing', `reading payloads needs the scope \`${READ_PAYLOADS}\` in their workspace`)
}

const failed = (error: Error | undefined): Failure | undefined => failureOf(error)

/**
 * Why somebody may not be shown what is encrypted with a key; `undefined`: he may. It takes the scope in the workspace of every run of its workflow id;
 * before there is one, whoever the key was made for may, too.
 */
export function whyNotShown(bearer: Asker, { runs, holder }: Owned): Failure | undefined {
  if (runs.length > 0) {
    return failed(
      unreadable(
        bearer,
        runs.map(({ workspace }) => workspace),
      ),
    )
  }
  if (holder !== null && isOf(holder, bearer)) return undefined
  if (holder?.workspace != null) return failed(unreadable(bearer, [holder.workspace]))
  return failed(fail('workspace_refused', 'no run tells yet of which workspace the payload is'))
}

/**
 * Why somebody may not have a key itself; `undefined`: he may. Who started every run of the workflow id has it already, so he may have it again while he is of
 * their workspaces.
 */
export function whyNotHanded(bearer: Asker, facts: Owned): Failure | undefined {
  const isStarter =
    facts.runs.length > 0 && facts.runs.every((run) => isOf(run, bearer) && bearer.workspaces.includes(run.workspace))
  return isStarter ? undefined : whyNotShown(bearer, facts)
}
