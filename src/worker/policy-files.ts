import type { Digest } from '../contract/digest.ts'
import { fail } from '../contract/failures.ts'
import type { PlaybookContract } from '../contract/playbook.ts'
import { textOf } from '../contract/text.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { storePolicy } from '../ledger/policies.ts'
import {
  fileProblem,
  formatProblem,
  parsePolicyFolder,
  type PolicyFolder,
  type PolicyProblem,
  readPolicyFolder,
} from '../policy/load/index.ts'
import type { Observer, PolicyTrouble } from './observer.ts'
import { logOwn } from './own-log.ts'

/** How often the files are looked at where nothing else is said. */
export const DEFAULT_REFRESH_MS = 5_000

/** What a new run is pinned to. */
export interface Pinned {
  readonly policyDigest: Digest
  /** Of the policy that decides beside it, without effect; `null`: there is none. */
  readonly candidateDigest: Digest | null
}

interface InForce {
  readonly pinned: ReadonlyMap<string, Pinned>
  /** Of the folder that it was read from. */
  readonly mark: Digest
  /** What keeps a candidate from deciding. */
  readonly trouble: PolicyTrouble | null
}

/**
 * The policies in force, and the files that they come from. The files are looked at again and again, by their contents:
 * the notices of a file system do not come on every mount, and a Kubernetes ConfigMap changes by a link above the files.
 * What two looks in a row find alike is read as a whole, stored in the ledger and only then in force, all at once, for new
 * runs. Whatever cannot be, leaves in force what is.
 */
export class PolicyFiles {
  readonly #parts: Parts
  #inForce: InForce
  /** What the look before found. */
  #seen: Digest
  #trouble: PolicyTrouble | null = null

  private constructor(parts: Parts, inForce: InForce) {
    this.#parts = parts
    this.#inForce = inForce
    this.#seen = inForce.mark
    this.#stand(inForce.trouble)
    this.#tell()
  }

  /**
   * Puts in force what is in the files. Fails with `policy_not_found`, `export_unconfigured` or `policy_invalid`, naming what and where.
   */
  static async open(parts: Parts): Promise<PolicyFiles> {
    const taken = await take(await readPolicyFolder(parts.folder, parts.contracts), parts)
    if (!('problems' in taken)) return new PolicyFiles(parts, taken)
    const isAll = (wanted: PolicyProblem['code']) => taken.problems.every(({ code }) => code === wanted)
    const code = isAll('policy_not_found')
      ? 'policy_not_found'
      : isAll('export_unconfigured')
        ? 'export_unconfigured'
        : 'policy_invalid'
    throw fail(code, taken.problems.map(formatProblem).join('\n'))
  }

  /** What a new run of a playbook is pinned to. */
  pinned(workflow: string): Pinned | undefined {
    return this.#inForce.pinned.get(workflow)
  }

  /** Looks at the files from now on, until the answer is called. */
  watch(): () => void {
    const { refreshMs } = this.#parts
    let timer: NodeJS.Timeout | undefined
    let isOver = false
    const next = (): void => {
      if (isOver) return
      timer = setTimeout(() => void this.#look(() => isOver).then(next), refreshMs)
      timer.unref()
    }
    if (refreshMs > 0) next()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }

  /** Never rejects. */
  async #look(isOver: () => boolean): Promise<void> {
    const { folder, contracts } = this.#parts
    try {
      const found = await readPolicyFolder(folder, contracts)
      const isSettled = found.mark === this.#seen
      this.#seen = found.mark
      // Whoever writes may be half-way, and of several files have changed one: the next look tells.
      if (!isSettled || isOver()) return
      if (found.mark === this.#inForce.mark) return this.#found(this.#inForce.trouble)
      const taken = await take(found, this.#parts)
      if (isOver()) return
      if ('problems' in taken) return this.#found({ why: 'invalid', problems: taken.problems.map(inOneLine) })
      const before = this.#inForce.pinned
      this.#inForce = taken
      const changed = this.#listed.filter(
        ({ workflow, policyDigest, candidateDigest }) =>
          before.get(workflow)?.policyDigest !== policyDigest ||
          before.get(workflow)?.candidateDigest !== candidateDigest,
      )
      if (changed.length > 0) logOwn('INFO', 'the changed policies are in force for new runs', { policies: changed })
      this.#stand(taken.trouble)
      this.#tell()
    } catch (error) {
      if (!isOver()) this.#found({ why: 'not_stored', problems: [`the ledger did not take them: ${textOf(error)}`] })
    }
  }

  /** What a look found while the policies in force stay: told as long as it is so, and when it is over. */
  #found(trouble: PolicyTrouble | null): void {
    const before = this.#trouble
    this.#stand(trouble)
    if (trouble === null && before === null) return
    if (trouble === null) {
      logOwn('INFO', 'the policies in force are those of the files again', { policies: this.#listed })
    }
    this.#tell()
  }

  /** Says it once, however often it is looked at. */
  #stand(trouble: PolicyTrouble | null): void {
    const before = this.#trouble
    this.#trouble = trouble
    if (trouble === null || JSON.stringify(trouble) === JSON.stringify(before)) return
    logOwn('ERROR', TROUBLE_WORDS[trouble.why], { problems: trouble.problems })
  }

  #tell(): void {
    const { observer, refreshMs } = this.#parts
    observer.policies?.({ inForce: this.#listed, trouble: this.#trouble, refreshMs })
  }

  get #listed() {
    return [...this.#inForce.pinned].map(([workflow, pinned]) => ({ workflow, ...pinned }))
  }
}

interface Parts {
  readonly folder: string
  readonly contracts: readonly PlaybookContract[]
  readonly db: LedgerDatabase
  readonly refreshMs: number
  readonly observer: Observer
  /** Whether what a policy wants exported to there is sent anywhere. Default: nobody asks. */
  readonly isExported?: (target: string) => boolean
}

/** Reads what was found, all of it together, and stores it. */
async function take(
  found: PolicyFolder,
  { contracts, db, isExported }: Parts,
): Promise<InForce | { readonly problems: readonly PolicyProblem[] }> {
  const loaded = parsePolicyFolder(found, contracts)
  if (!loaded.ok) return { problems: [...loaded.problems, ...loaded.candidateProblems] }
  const { policies, candidates, candidateProblems } = loaded
  const problems = [...policies.values()].flatMap(({ file, policy: { audit } }) =>
    audit.export === null || isExported === undefined || isExported(audit.export)
      ? []
      : [notExported(file, audit.export)],
  )
  if (problems.length > 0) return { problems }
  const pinned = new Map<string, Pinned>()
  for (const { workflow, digest, text } of [...policies.values(), ...candidates.values()]) {
    await storePolicy(db, { workflow, digest, text })
  }
  for (const [workflow, { digest }] of policies) {
    pinned.set(workflow, { policyDigest: digest, candidateDigest: candidates.get(workflow)?.digest ?? null })
  }
  const trouble =
    candidateProblems.length === 0
      ? null
      : { why: 'candidate_invalid' as const, problems: candidateProblems.map(inOneLine) }
  return { pinned, mark: found.mark, trouble }
}

const notExported = (file: string, target: string): PolicyProblem =>
  fileProblem(
    file,
    `wants records exported to \`${target}\`, and no sink takes them.`,
    'start workers with `--exports exports.yaml` that has such a sink; see docs/audit.md.',
    'export_unconfigured',
  )

/** What is said of trouble, before the problems. */
export const TROUBLE_WORDS: Readonly<Record<PolicyTrouble['why'], string>> = {
  invalid: 'the policy files changed and cannot be used; what was in force stays in force',
  not_stored: 'the policy files changed and could not be stored; what was in force stays in force',
  candidate_invalid: 'a candidate policy cannot be used, and decides nothing; the policies themselves are in force',
}

const inOneLine = (problem: PolicyProblem): string => formatProblem(problem).replace(/\n\s*/, ' ')
