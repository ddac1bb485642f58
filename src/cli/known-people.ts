import { existsSync } from 'node:fs'
import { normaliseText } from '../contract/plain-text.ts'
import { sameName } from '../contract/principal.ts'
import { readMapping } from '../identity/mapping-file.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { subjectsHeardOf } from '../ledger/people.ts'
import { policyTexts } from '../ledger/policies.ts'
import { groupsIn } from '../policy/analyse/groups.ts'
import { readPolicyFolder } from '../policy/load/files.ts'
import { nearest } from '../policy/load/nearest.ts'
import { knownGroups } from './policy-check.ts'
import { loadProject } from './project.ts'
import { plain, say } from './terminal.ts'

/** The one name of a person whom the mapping, where there is one, knows by another as well; that is said. */
export function oneNameOf(subject: string, identity: string): string {
  if (!existsSync(identity)) return subject
  const name = readMapping(identity).people.get(normaliseText(subject))
  if (name === undefined || sameName(name, subject)) return subject
  say(plain(`In \`${identity}\` \`${subject}\` is another name of \`${name}\`, who is meant.`))
  return name
}

const checkTheName = (name: string, known: readonly string[]): string => {
  const meant = nearest(name, known)
  return `check the name.${meant === undefined ? '' : ` Did you mean \`${meant}\`?`}`
}

/** Says where the ledger has never heard of somebody: what is taken from him is taken from nobody. */
export async function sayWhereUnheardOf(db: LedgerDatabase, subject: string): Promise<void> {
  const subjects = await subjectsHeardOf(db)
  if (subjects.some((one) => sameName(one, subject))) return
  say(plain(`Nobody has heard of \`${subject}\` yet: ${checkTheName(subject, subjects)}`))
}

/** Says where neither a policy of the ledger or the project nor the mapping names an approver group. */
export async function sayWhereUnnamed(db: LedgerDatabase, group: string, identity: string): Promise<void> {
  const mapped = existsSync(identity) ? (knownGroups(identity)?.names ?? []) : []
  const texts = [...(await policyTexts(db)), ...(await policyTextsOfProject())]
  const names = [...new Set([...mapped, ...texts.flatMap(groupsIn)])]
  if (names.includes(group)) return
  say(plain(`No policy and no mapping names the group \`${group}\`: ${checkTheName(group, names)}`))
}

/** The texts of the policies of the project; none where it cannot be asked: then those of the ledger are what there is. */
async function policyTextsOfProject(): Promise<readonly string[]> {
  try {
    const { project } = await loadProject()
    const { files } = await readPolicyFolder(project.policies, [])
    return files.flatMap(({ content }) => (typeof content === 'string' ? [content] : []))
  } catch {
    return [] // a delegation does not wait for a project that is broken
  }
}
