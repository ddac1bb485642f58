import { Context } from '@temporalio/activity'
import { z } from 'zod'
import type { LedgerEntry, Preview, UndoWarrant, Warrant } from '../contract/action.ts'
import type {
  HearCall,
  Heard,
  ModelSpend,
  OpenRunCall,
  PreviewResult,
  ReadCall,
  RecallCall,
  SealCall,
  SpentCall,
  ThinkCall,
  ThinkResult,
  UndoCall,
  UndoResult,
  WriteCallMessage,
} from '../contract/calls.ts'
import type { Seal } from '../contract/carried.ts'
import { noticeOf, type NotifyCall } from '../contract/notice.ts'
import type { Notifier } from '../notify/notifier.ts'
import { canonicalJson, type Digest, digestOfText } from '../contract/digest.ts'
import type { RunKey, StepResult } from '../contract/evidence.ts'
import { codeOf, fail, failureOf } from '../contract/failures.ts'
import { firstIssue } from '../contract/issue.ts'
import type { Json } from '../contract/json.ts'
import type { Statement } from '../contract/statement.ts'
import type { Thought, Tool, WriteTool } from '../contract/tool.ts'
import { missingScopes, type Principal } from '../contract/principal.ts'
import { KERNEL_VERSION, WIRE } from '../contract/wire.ts'
import { type HostKey, type Verify, verifierOf } from '../identity/host-key.ts'
import { keepNewest } from '../identity/newest.ts'
import type { DataKeys } from '../privacy/data-keys.ts'
import { DataSubjects } from '../privacy/data-subjects.ts'
import { hiddenDigest } from '../privacy/hidden-digests.ts'
import type { Residency } from '../privacy/residency.ts'
import { questionFor, veiledFor } from '../privacy/reader.ts'
import { cutJsonIn, type Known, personalIn, secretsIn } from '../privacy/redact.ts'
import { Secrets, type SecretSource, withoutSecretsIn } from '../privacy/secrets.ts'
import type { DevelopmentIssuer } from '../identity/statements.ts'
import { signSeal, verifySeal } from '../identity/seals.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { effectsOf, findEffect } from '../ledger/effects.ts'
import { findKey } from '../ledger/keys.ts'
import { modelSpendOf } from '../ledger/model-calls.ts'
import { policyText } from '../ledger/policies.ts'
import { findRun, insertRun, type RunRow } from '../ledger/runs.ts'
import { parsePolicy } from '../policy/load/index.ts'
import type { OpenedRun, Policy } from '../policy/types.ts'
import type { ReadImplementation, Thinker, WriteImplementation } from '../tools/implementation.ts'
import { modelCapOf } from './cap.ts'
import { failpoint } from './failpoints.ts'
import { checkChain, checkPlace, checkWarrant, type GuardStores, playbookAt } from './guard.ts'
import { countsOf } from './limits.ts'
import { checked, checkedHear, checkedThink, undoWarrantOf, warrantOf } from './messages.ts'
import { isRepeated, observed, observedMeter } from './observed.ts'
import { type Observer, observers } from './observer.ts'
import type { Pinned } from './policy-files.ts'
import type { Registry } from './registry.ts'
import { meterOf, type RunMeter, withSpent } from './spend.ts'
import { type ParsedStart, parseStart, principalOf } from './start.ts'
import { assertCarried, attested, parseInput, parseOutput } from './steps.ts'
import { type Sealer, sealerOf } from '../privacy/sealed.ts'
import { StopGuard, type Subject, targetsOf, unlessStopped } from './stops.ts'
import { checkOperator, saidAt, Witness } from './witness.ts'
import { executeOnce, type StepHost, toolCall, undoOnce } from './writes.ts'

/** Everything the activities of a worker stand on. */
export interface HostOptions {
  readonly db: LedgerDatabase
  readonly key: HostKey
  readonly registry: Registry
  readonly thinker: Thinker
  /** The policies that a new run of a playbook is pinned to. */
  readonly pinned: (workflow: string) => Pinned | undefined
  readonly buildId: string
  readonly observer?: Observer
  /** Present: the host was started for development, and takes statements that prove nothing. */
  readonly development?: DevelopmentIssuer | undefined
  /** Tells people of questions; absent: nobody is told. */
  readonly notifier?: Notifier | undefined
  /** What personal columns of the ledger are encrypted with, and whom the data is about hidden; absent: they stand in the clear. */
  readonly keys?: DataKeys | undefined
  /** Where workspaces are at home; absent: nowhere in particular. */
  readonly residency?: Residency | undefined
  /** Where references to secrets are looked up. Default: nowhere, so that none is known. */
  readonly secrets?: readonly SecretSource[] | undefined
}

type Activity = (argument: never) => Promise<unknown>

/** The activities of a worker: each tool behind its guard, and nothing else. */
export function activitiesOf(options: HostOptions): Record<string, Activity> {
  const host = new Host(options)
  const { registry } = options
  const activities: Record<string, Activity> = {
    [WIRE.activities.openRun]: (call: OpenRunCall) => host.openRun(checked(call)),
    [WIRE.activities.recall]: (call: RecallCall) => host.recall(checked(call)),
    [WIRE.activities.spent]: (call: SpentCall) => host.spent(checked(call)),
    [WIRE.activities.seal]: (call: SealCall) => host.seal(checked(call)),
    [WIRE.activities.hear]: (call: HearCall) => host.hear(checkedHear(call)),
    [WIRE.activities.notify]: (call: NotifyCall) => host.notify(checked(call)),
    [WIRE.activities.think]: (call: ThinkCall) => host.think(checkedThink(call)),
    // Temporal retries an unknown activity type for ever; this one says no.
    default: () =>
      Promise.reject(fail('activity_unknown', `this worker has no tool \`${Context.current().info.activityType}\``)),
  }
  for (const [name, how] of registry.reads) activities[name] = (call: ReadCall) => host.read(how, checked(call))
  for (const [name, how] of registry.writes) {
    activities[name] = (call: WriteCallMessage) => host.write(how, call)
    activities[`${name}${WIRE.activities.preview}`] = (call: ReadCall) => host.preview(how, checked(call))
    activities[`${name}${WIRE.activities.undo}`] = (call: UndoCall) => host.undo(how, call)
  }
  const observer = observers(options.observer ?? {})
  return Object.fromEntries(
    Object.entries(activities).map(([name, run]) => [name, observed(name, run, registry, observer)]),
  )
}

interface StoredPolicy {
  readonly policy: Policy
  readonly text: string
}

/** Rows of runs that a host keeps at hand: about two megabytes. */
const REMEMBERED_RUNS = 2_000

class Host {
  readonly #options: HostOptions
  readonly #policies = new Map<Digest, StoredPolicy>()
  /** PEM, by key id: what was published is never altered. */
  readonly #publicKeys = new Map<string, string>()
  readonly #runs = new Map<RunKey, RunRow>()
  readonly #firstRunIds = new Map<string, string>()
  readonly #stores: GuardStores
  readonly #stops: StopGuard
  readonly #witness: Witness
  readonly #observer: Observer
  readonly #subjects: DataSubjects
  readonly #secrets: Secrets
  readonly #names: Pick<DataKeys, 'hiddenName'> | undefined

  constructor(options: HostOptions) {
    this.#options = options
    this.#names = options.keys
    this.#stops = new StopGuard(options.db)
    this.#witness = new Witness(options.db, options.development)
    this.#observer = observers(options.observer ?? {})
    this.#subjects = new DataSubjects(options.db, this.#names)
    this.#secrets = new Secrets(options.secrets ?? [])
    this.#stores = {
      findRun: (runKey) => this.#run(runKey),
      policyOf: async (digest) => (await this.#stored(digest))?.policy,
      verifierOf: (keyId) => this.#verifierOf(keyId),
      firstRunIdOf: (workflowId, runId) => this.#firstRunIdOf(workflowId, runId),
      witness: this.#witness,
    }
  }

  /**
   * Opens a run once; again, after a reset or a continuation, it answers what was pinned the first time. Fails with
   * `request_repeated` when what another run did for the same business case stands, with `stopped`, and with the codes of its statement.
   */
  async openRun({ runKey, start, continued }: OpenRunCall): Promise<OpenedRun> {
    const { db, registry, thinker, buildId } = this.#options
    const at = playbookAt(Context.current().info, registry.playbooks)
    await checkChain(runKey, at, this.#stores)
    if (continued !== undefined) await verifySeal(continued, runKey, (keyId) => this.#verifierOf(keyId))
    const parsed = parseStart(start, at.contract)
    const { request, requestDigest, businessKey } = parsed
    const statement = await this.#starter(parsed, at, runKey)
    const principal = principalOf(statement)
    await this.#checkOpening(this.#subject(runKey, at, null, principal), statement)
    this.#options.residency?.check(principal.workspace)
    const current = this.#options.pinned(at.type)
    const retainDays =
      current === undefined ? undefined : (await this.#stored(current.policyDigest))?.policy.data?.retainDays
    const names = this.#names
    await failpoint('openRun.before')
    // Most runs are new: the insert itself tells when one is not.
    const run =
      current === undefined
        ? await this.#run(runKey)
        : await insertRun(db, {
            runKey,
            workflowId: at.workflowId,
            workflowType: at.type,
            ...current,
            principal,
            requestDigest,
            businessKey:
              names === undefined || businessKey === null ? businessKey : await hiddenDigest(names, businessKey),
            bareBusinessKey: businessKey,
            namespace: Context.current().info.namespace,
            retainDays,
            kernelVersion: KERNEL_VERSION,
            buildId,
            statement,
          })
    if (run === undefined) throw fail('policy_not_found', `\`${at.type}\` has no policy`)
    this.#remember(run)
    await failpoint('openRun.after')
    if (run.requestDigest !== requestDigest || run.workflowType !== at.type) {
      throw fail('request_invalid', `\`${runKey}\` was opened with another request`)
    }
    await this.#note(runKey, request, at.contract.request)
    const { policyDigest, candidateDigest } = run
    const pinned = await this.#stored(policyDigest)
    if (pinned === undefined) throw fail('warrant_policy_unknown', `nobody stored the policy ${policyDigest}`)
    return {
      runKey,
      ...(this.#options.notifier === undefined ? {} : { notifies: true as const }),
      plainThoughts: at.contract.thoughts.filter((thought) => thinker.isPlain?.(thought)).map(({ name }) => name),
      principal: run.principal,
      request,
      policy: pinned.policy,
      policyText: pinned.text,
      policyDigest,
      ...(candidateDigest === null ? {} : await this.#candidate(candidateDigest)),
      requestDigest,
      // Of this worker: a reset to its first task takes a run to the version that is current then.
      kernelVersion: KERNEL_VERSION,
      buildId,
    }
  }

  /**
   * Who starts a run, by the statement that came with it. It is valid for some minutes, and a run may wait longer than that for a
   * worker: then it counts as of when Temporal began the run. One that was opened before is opened again by the same statement.
   */
  async #starter(
    { statement, requestDigest, claims }: ParsedStart,
    at: { readonly type: string; readonly workflowId: string; readonly runId: string },
    runKey: RunKey,
  ): Promise<Statement> {
    const { workspace, onBehalfOf } = claims
    const about = {
      kind: 'start',
      workflowId: at.workflowId,
      playbook: at.type,
      requestDigest,
      workspace,
      ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
    } as const
    const use = { about, workspace }
    const verify = (when: Date) => this.#witness.verify(statement, use, when)
    try {
      return await verify(saidAt())
    } catch (error) {
      if (codeOf(error) !== 'statement_expired') throw error
      const known = (await this.#run(runKey))?.statement
      if (known !== undefined && known !== null && canonicalJson(known) === canonicalJson(statement)) return known
      const startedAt = await this.#startedAt(at.workflowId, runKey.slice(runKey.lastIndexOf('/') + 1))
      if (startedAt === undefined) throw error
      return await verify(startedAt)
    }
  }

  async #startedAt(workflowId: string, runId: string): Promise<Date | undefined> {
    const handle = Context.current().client.workflow.getHandle(workflowId, runId)
    return (await handle.describe()).startTime
  }

  /** Writes down whom to tell of a question of this run. Where this host tells nobody, it is nobody's. */
  async notify({ runKey, question }: NotifyCall): Promise<null> {
    await this.#checkCaller(runKey, null)
    const run = await this.#run(runKey)
    if (run === undefined) throw fail('run_unknown', `no worker opened the run \`${runKey}\``)
    const { principal, workflowType, policyDigest } = run
    const policy = await this.#stores.policyOf(policyDigest)
    const reminders = policy?.approvals.remindersMinutes ?? []
    const { runId } = playbookAt(Context.current().info, this.#options.registry.playbooks)
    const shown = questionFor('notified', question, this.#writeOf(question))
    await this.#options.notifier?.ask(noticeOf(runKey, shown, { runId, playbook: workflowType, principal }), reminders)
    return null
  }

  /** Hears what somebody says to a run of this workflow. */
  async hear(call: HearCall): Promise<Heard> {
    const { runKey } = call
    await this.#checkCaller(runKey, null)
    if ('runKey' in call.about && call.about.runKey !== runKey) throw fail('request_invalid', 'it is about another run')
    const run = await this.#run(runKey)
    const policy = run === undefined ? undefined : await this.#stores.policyOf(run.policyDigest)
    if (run !== undefined && policy === undefined) {
      throw fail('warrant_policy_unknown', `nobody stored the policy ${run.policyDigest}`)
    }
    return await this.#witness.hear(call, run, policy)
  }

  async recall({ runKey, step }: RecallCall): Promise<readonly LedgerEntry[]> {
    await this.#checkCaller(runKey, null)
    if (step === null) {
      // Without the results: all of them together could be more than Temporal carries.
      const entries = await effectsOf(this.#options.db, runKey, await this.#sealer())
      await failpoint('recall.answered')
      return entries.map((entry) => ({ ...entry, result: null }))
    }
    const entry = await findEffect(this.#options.db, { runKey, step }, await this.#sealer())
    return entry === undefined ? [] : [entry]
  }

  async spent({ runKey }: SpentCall): Promise<ModelSpend> {
    await this.#checkCaller(runKey, null)
    return await modelSpendOf(this.#options.db, runKey)
  }

  /** States that a run takes something along into its next execution. */
  async seal({ runKey, digest }: SealCall): Promise<Seal> {
    await this.#checkCaller(runKey, null)
    if ((await this.#run(runKey)) === undefined) throw fail('run_unknown', `no worker opened the run \`${runKey}\``)
    return signSeal(this.#options.key, { runKey, digest })
  }

  async read(how: ReadImplementation, { runKey, step, input: raw }: ReadCall): Promise<StepResult> {
    const { contract } = how
    const mark = await this.#checkCaller(runKey, step, contract)
    const host = await this.#hostOf(runKey, contract)
    const input = parseInput(contract, raw)
    await this.#prepare(runKey, contract, raw)
    const call = toolCall(host, contract, { runKey, step }, contract.startToCloseMs)
    const output = parseOutput(contract, withoutSecretsIn(await how.execute(input, call)))
    await this.#note(runKey, output, contract.output)
    await failpoint('read.done')
    const { kind } = contract.evidence
    const reference = contract.evidence.reference(input, output)
    const by = host.principal.subject
    const said = { runKey, step, tool: contract.name, by, scopes: contract.scopes, input: raw, output, kind, reference }
    return { ...attested(this.#options.key, said), ...mark }
  }

  async think(call: ThinkCall): Promise<ThinkResult> {
    const { runKey, step } = call
    const thought = this.#options.registry.thoughts.get(call.thought)
    if (thought === undefined) throw fail('activity_unknown', `this worker has no thought \`${call.thought}\``)
    const mark = await this.#checkCaller(runKey, step, thought)
    const meter = this.#meter(call)
    try {
      const result = await this.#answer(thought, call, meter)
      const spent = await meter.spent()
      return { ...result, ...mark, ...(spent === undefined ? {} : { spent }) }
    } catch (error) {
      throw await withSpent(error, meter)
    }
  }

  #meter(call: ThinkCall): RunMeter {
    const { info } = Context.current()
    const at = playbookAt(info, this.#options.registry.playbooks)
    const { runKey, step } = call
    const attempt = { runKey, runId: at.runId, step, attempt: info.attempt }
    const meter = meterOf(this.#options.db, attempt, () => modelCapOf(call, at, this.#stores))
    return observedMeter(meter, call.thought, this.#observer)
  }

  async #answer(thought: Thought, call: ThinkCall, meter: RunMeter): Promise<ThinkResult> {
    const { runKey, step } = call
    const input = parseInput(thought, call.input)
    const context = Context.current()
    // The run was opened on a host without this model: a local attempt is cut off while the model still writes.
    if (context.info.isLocal && this.#options.thinker.isPlain?.(thought) !== true) {
      throw fail('model_unavailable', `a model answers \`${thought.name}\` here, which is no local activity`)
    }
    const { thinker } = this.#options
    const veil =
      thinker.isPlain?.(thought) === true
        ? undefined
        : veiledFor('model', input, thought.input, this.#personalTold(input))
    const { output: raw, ...said } = await thinker.think(thought, veil === undefined ? input : veil.shown, {
      ...(veil === undefined ? {} : { veil }),
      meter,
      signal: context.cancellationSignal,
      heartbeat: () => context.heartbeat(),
    })
    let output: Json
    try {
      output = parseOutput(thought, veil === undefined ? raw : veil.reveal(raw), 'model_output_invalid')
    } catch (error) {
      // What was spent on a useless answer is spent all the same.
      const failure = failureOf(error)
      throw failure === undefined ? error : fail(failure.code, failure.message, said)
    }
    const { principal } = await this.#hostOf(runKey)
    const result = attested(this.#options.key, {
      runKey,
      step,
      tool: thought.name,
      by: principal.subject,
      scopes: [],
      input: call.input,
      output,
      kind: 'model',
      reference: `${thought.name} by ${said.model}`,
    })
    return { ...result, ...said }
  }

  async preview(how: WriteImplementation, { runKey, step, input: raw }: ReadCall): Promise<PreviewResult> {
    const { resumed } = await this.#checkCaller(runKey, step, how.contract)
    const host = await this.#hostOf(runKey, how.contract)
    // Only the ledger of a run that was reset can know a step that its history does not.
    const known =
      resumed === true ? await findEffect(this.#options.db, { runKey, step }, await this.#sealer()) : undefined
    // What has failed has not happened, and may be tried again.
    if (known !== undefined && known.state !== 'failed') return { known }
    const input = parseInput(how.contract, raw)
    await this.#prepare(runKey, how.contract, raw)
    const call = toolCall(host, how.contract, { runKey, step }, how.contract.startToCloseMs)
    const shown = withoutSecretsIn(await how.preview(input, call))
    await failpoint('preview.shown')
    return { preview: previewOf(how, shown) }
  }

  async write(how: WriteImplementation, message: WriteCallMessage): Promise<StepResult> {
    const startedAt = Date.now()
    const warrant = warrantOf(message)
    const run = await this.#checkPlace(warrant)
    const input = parseInput(how.contract, message.input)
    const { scheduledTimestampMs, attempt } = Context.current().info
    const subject = this.#subject(run.runKey, { type: run.workflowType, ...run }, how.contract.name, run.principal)
    await this.#stops.check(subject, attempt)
    const host = await this.#hostOf(run.runKey, how.contract)
    await checkWarrant(warrant, how.contract, message.input, run, this.#stores, scheduledTimestampMs)
    await this.#prepare(run.runKey, how.contract, message.input)
    const targets = await targetsOf(subject)
    const guarded = unlessStopped(how, { acts: targets, undoes: targets })
    const asked = { raw: message.input, parsed: input }
    await failpoint('write.guarded')
    const policy = await this.#stores.policyOf(warrant.policyDigest)
    const bare = policy?.limits === undefined ? [] : countsOf(policy, how.contract, message.input, warrant, run)
    const names = this.#names
    const counts =
      names === undefined
        ? bare
        : await Promise.all(bare.map(async (one) => ({ ...one, hidden: await hiddenDigest(names, one.digest) })))
    const result = await executeOnce(host, guarded, asked, warrant, run.businessKey, counts)
    // Another attempt answers with what this one did, and comes past here.
    await this.#note(run.runKey, result.output, how.contract.output)
    this.#observer.effect?.(how.contract.name, isRepeated(result, startedAt) ? 'repeated' : 'done')
    return { ...result, ...markOf(warrant.runKey) }
  }

  async undo(how: WriteImplementation, message: UndoCall): Promise<UndoResult> {
    const warrant = undoWarrantOf(message)
    const run = await this.#checkPlace(warrant)
    if (warrant.tool !== how.contract.name) throw fail('warrant_mismatch', 'it is for another tool')
    if (warrant.step !== `${warrant.undoes}${WIRE.activities.undo}`) {
      throw fail('warrant_mismatch', 'it is for another step')
    }
    if (warrant.why === 'undo_requested') await this.#checkUndoer(warrant, run)
    // Whatever else is stopped, what was done can be taken back; but a system that is stopped is not called at all, and
    // what is not known to have happened is not asked for anew.
    const subject = this.#subject(run.runKey, { type: run.workflowType, ...run }, how.contract.name, run.principal)
    const undoes = [{ scope: 'tool' as const, name: how.contract.name }]
    const guarded = unlessStopped(how, { acts: await targetsOf(subject), undoes })
    await failpoint('undo.guarded')
    const { db, key } = this.#options
    const sealer = await this.#sealer()
    const result = await undoOnce(
      { db, key, principal: run.principal, sealer, secrets: this.#secrets },
      guarded,
      warrant,
    )
    this.#observer.effect?.(how.contract.name, result.state === 'undone' ? 'undone' : 'barred')
    return result
  }

  #checkPlace(warrant: Warrant | UndoWarrant): Promise<RunRow> {
    const { info } = Context.current()
    return checkPlace(info, warrant, this.#options.registry.playbooks, this.#stores)
  }

  /**
   * A read is bound to the workflow that asks, so that no other run's receipts can be had by asking, and to what
   * its playbook lists.
   */
  async #checkCaller(runKey: RunKey, step: string | null, listed?: Tool | Thought): Promise<Mark> {
    const { info } = Context.current()
    const at = playbookAt(info, this.#options.registry.playbooks)
    if (listed !== undefined && ![...at.contract.tools, ...at.contract.thoughts].includes(listed)) {
      throw fail('tool_not_listed', `\`${at.type}\` does not list \`${listed.name}\``)
    }
    // The id of a local activity is the SDK's own; a receipt of any other says which step it was.
    if (step !== null && !info.isLocal && info.activityId !== step && !isPreviewOf(info.activityId, step)) {
      throw fail('warrant_mismatch', `\`${info.activityId}\` was called as the step \`${step}\``)
    }
    await checkChain(runKey, at, this.#stores)
    if (listed !== undefined) await this.#stops.check(this.#subject(runKey, at, listed.name))
    return markOf(runKey)
  }

  /** What is asked of the stops; of a run that is just being opened the principal is not in its row yet. */
  #subject(
    runKey: RunKey,
    { type, workflowId }: { readonly type: string; readonly workflowId: string },
    tool: string | null,
    principal?: Principal,
  ): Subject {
    const workspace = async (): Promise<string> => {
      const known = principal ?? (await this.#run(runKey))?.principal
      if (known === undefined) throw fail('run_unknown', `no worker opened the run \`${runKey}\``)
      return known.workspace
    }
    return { runKey, workflowId, playbook: type, tool, workspace }
  }

  /**
   * What is stopped is not opened, so that it is opened under the policy of when it may go on, and nothing is for somebody who does
   * not count any more. A run that was opened before a reset is: its steps are judged, and what it did must be found when it ends.
   */
  async #checkOpening(subject: Subject, starter: Statement): Promise<void> {
    try {
      await this.#stops.check(subject)
      await this.#witness.checkCounts(starter)
    } catch (error) {
      const isAgainst = ['stopped', 'standing_lost'].includes(codeOf(error) ?? '')
      if (!isAgainst || (await this.#run(subject.runKey)) === undefined) throw error
    }
  }

  /** Of the workflow that calls, which every run key that gets this far is of. */
  async #sealer(): Promise<Sealer> {
    const { workflowExecution, namespace } = Context.current().info
    return await sealerOf(this.#options.keys, { namespace, workflowId: workflowExecution?.workflowId ?? '' })
  }

  /** What a step of a run stands on. Fails with `scope_missing` where its principal was not granted what the tool asks for. */
  async #hostOf(runKey: RunKey, tool?: Tool): Promise<StepHost> {
    const { db, key } = this.#options
    const run = await this.#run(runKey)
    if (run === undefined) throw fail('run_unknown', `no worker opened the run \`${runKey}\``)
    const { principal } = run
    const missing = tool === undefined ? [] : missingScopes(tool, principal)
    if (missing.length === 0) return { db, key, principal, sealer: await this.#sealer(), secrets: this.#secrets }
    const { subject, workspace } = principal
    throw fail('scope_missing', `${subject} was not granted ${missing.join(', ')} in ${workspace}`)
  }

  /**
   * What is done before a tool is called: whom the input is about is written down, and the secrets that it names are looked up, so that one
   * that is not there is found before anything happens.
   */
  async #prepare(runKey: RunKey, { input: schema }: Tool, input: Json): Promise<void> {
    await this.#note(runKey, input, schema)
    const { cancellationSignal } = Context.current()
    for (const reference of secretsIn(input, schema)) await this.#secrets.resolve(reference, cancellationSignal)
  }

  async #note(runKey: RunKey, value: unknown, schema: z.ZodType): Promise<void> {
    await this.#subjects.note({ namespace: Context.current().info.namespace, runKey }, value, schema)
  }

  #contractOf(tool: string): Tool | undefined {
    const { reads, writes } = this.#options.registry
    return (reads.get(tool) ?? writes.get(tool))?.contract
  }

  /** The contract of what people are asked about. */
  #writeOf(question: NotifyCall['question']): WriteTool | undefined {
    return question.about === 'action' ? this.#options.registry.writes.get(question.action.tool)?.contract : undefined
  }

  /** The personal values in what a model is told of earlier steps, as the contracts of their tools say. */
  #personalTold(input: unknown): readonly Known[] {
    const { steps } = (input ?? {}) as { readonly steps?: unknown }
    if (!Array.isArray(steps)) return []
    return steps.flatMap((step: unknown) => {
      const { tool, input: asked, result } = (step ?? {}) as Readonly<Record<string, unknown>>
      const contract = typeof tool === 'string' ? this.#contractOf(tool) : undefined
      if (contract === undefined) return []
      const given = typeof asked === 'string' ? cutJsonIn(asked) : undefined
      return [...personalIn(given, contract.input), ...personalIn(result, contract.output)]
    })
  }

  /** An operator's undo is proved by what he said, to this run, and by who he is now. */
  async #checkUndoer({ statement: given, by }: UndoWarrant, run: RunRow): Promise<void> {
    if (given === undefined || given.about.kind !== 'undo') throw mismatched('has no statement of who asked for it')
    const { runKey, principal } = run
    const about = { ...given.about, runKey }
    const { who, standing } = await this.#witness.heard(given, { about, workspace: principal.workspace }, runKey)
    if (who.subject !== by) throw mismatched('is by somebody else')
    checkOperator(who, standing, await this.#stores.policyOf(run.policyDigest))
  }

  async #stored(digest: Digest): Promise<StoredPolicy | undefined> {
    const cached = this.#policies.get(digest)
    if (cached !== undefined) return cached
    const text = await policyText(this.#options.db, digest)
    if (text === undefined) return undefined
    // The digest stands in warrants and on the record: no other text may decide in its name.
    if (digestOfText(text) !== digest) {
      throw fail('warrant_policy_unknown', `the text that is stored under ${digest} is another one`)
    }
    const parsed = parsePolicy(text, digest, [...this.#options.registry.playbooks.values()])
    if (!parsed.ok) throw fail('policy_invalid', `the stored policy ${digest} cannot be read by this version`)
    const stored = { policy: parsed.policy, text }
    this.#policies.set(digest, stored)
    return stored
  }

  /** The policy that decides beside the run's own. What keeps it from being read keeps no run from being opened. */
  async #candidate(policyDigest: Digest): Promise<Pick<OpenedRun, 'candidate'>> {
    const stored = await this.#stored(policyDigest).catch(() => undefined)
    return stored === undefined ? {} : { candidate: { policy: stored.policy, policyText: stored.text, policyDigest } }
  }

  async #verifierOf(keyId: string): Promise<Verify | undefined> {
    const { key, db } = this.#options
    if (keyId === key.keyId) return key.verify
    const known = this.#publicKeys.get(keyId) ?? (await findKey(db, keyId))
    if (known === undefined) return undefined
    this.#publicKeys.set(keyId, known)
    return verifierOf(known)
  }

  /** A run's row is written once and never altered, so what was seen of it stands. */
  async #run(runKey: RunKey): Promise<RunRow | undefined> {
    const seen = this.#runs.get(runKey)
    if (seen !== undefined) return seen
    const run = await findRun(this.#options.db, runKey)
    if (run !== undefined) this.#remember(run)
    return run
  }

  #remember(run: RunRow): void {
    keepNewest(this.#runs, REMEMBERED_RUNS, run.runKey, run)
  }

  /** An execution belongs to its chain for good, so each is asked for once. */
  async #firstRunIdOf(workflowId: string, runId: string): Promise<string | undefined> {
    const name = `${workflowId}/${runId}`
    const known = this.#firstRunIds.get(name)
    if (known !== undefined) return known
    const handle = Context.current().client.workflow.getHandle(workflowId, runId)
    const first = (await handle.describe()).raw.workflowExecutionInfo?.firstRunId ?? undefined
    if (first !== undefined) keepNewest(this.#firstRunIds, REMEMBERED_RUNS, name, first)
    return first
  }
}

const mismatched = (what: string): Error => fail('warrant_mismatch', `the undo ${what}`)

const isPreviewOf = (activityId: string, step: string): boolean =>
  activityId.startsWith(`${step}${WIRE.activities.preview}`)

type Mark = Pick<StepResult, 'resumed'>

/** Tells a run that is not the first of its chain that the ledger may know more than its history. */
const markOf = (runKey: RunKey): Mark =>
  runKey.endsWith(`/${Context.current().info.workflowExecution?.runId}`) ? {} : { resumed: true }

const previewSchema = z.strictObject({
  changes: z
    .array(z.strictObject({ record: z.string(), field: z.string(), from: z.string(), to: z.string() }))
    .max(200),
  expect: z.record(z.string(), z.json()),
})

/** What people are going to be shown must be what it says it is. */
function previewOf({ contract }: WriteImplementation, shown: unknown): Preview {
  const parsed = previewSchema.safeParse(shown)
  if (!parsed.success) throw fail('output_invalid', `the preview of ${contract.name}: ${firstIssue(parsed.error)}`)
  const text = canonicalJson(parsed.data)
  assertCarried(text, `the preview of ${contract.name}`)
  return JSON.parse(text) as Preview
}
