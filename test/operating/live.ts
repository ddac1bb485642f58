import { cpSync, writeFileSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOfText } from '../../src/contract/digest.ts'
import { useFolder } from '../cli/cli.ts'
import { useWorkerChild } from '../cli/worker-child.ts'
import { SHIPPED_POLICIES, until } from '../support/world.ts'
import { get, healthOf } from './shop.ts'

const LIVE = join(import.meta.dirname, 'fixtures', 'live', 'countersign.config.ts')

/** Refunds wait for a person from so many dollars on, or are refused. */
export const refundsFrom = (dollars: number, what: 'requires_approval_if' | 'deny_if' = 'requires_approval_if') =>
  `workflow: refund_request\n${what}: { refund_amount_usd_gte: ${dollars} }\n`

export interface Line {
  readonly level: string
  readonly msg: string
  readonly problems?: readonly string[]
}

export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly warning?: boolean
  readonly what: string
  readonly todo?: string
}

/** A worker of the CLI that looks at a folder of policies of its own every second. */
export function useLiveWorker(atStart: Readonly<Record<string, string>> = {}) {
  const folder = useFolder()
  const policies = () => join(folder(), 'policies')
  const write = (name: string, text: string) => writeFile(join(policies(), name), text)
  const child = useWorkerChild(folder, {
    args: ['--config', LIVE],
    env() {
      // Before the worker starts, and after its folder is there.
      cpSync(SHIPPED_POLICIES, policies(), { recursive: true })
      for (const [name, text] of Object.entries(atStart)) writeFileSync(join(policies(), name), text)
      return { LIVE_POLICIES: policies(), COUNTERSIGN_LOG_FORMAT: 'json', COUNTERSIGN_POLICY_REFRESH_SECONDS: '1' }
    },
  })
  const lines = () =>
    child()
      .worker.stderr()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line)
  const metrics = async () => (await get(`${healthOf(child().worker)}/metrics`)).text
  return {
    child,
    folder,
    policies,
    write,
    metrics,
    async replace(name: string, text: string) {
      await write(`.${name}.new`, text)
      await rename(join(policies(), `.${name}.new`), join(policies(), name))
    },
    remove: (name: string) => rm(join(policies(), name)),
    /** Waits until a text is in force for new refunds, by what the metrics say. */
    inForce: (text: string, mode: 'live' | 'candidate' = 'live') =>
      until(`${mode} ${text}`, async () =>
        (await metrics()).includes(
          `countersign_policy_info{playbook="refund_request",digest="${digestOfText(text)}",mode="${mode}"} 1`,
        )
          ? true
          : undefined,
      ),
    /** How often a look at the files found that they cannot be in force. */
    async failures(why: string) {
      const start = `countersign_policy_reload_failures_total{why="${why}"} `
      const found = (await metrics()).split('\n').find((line) => line.startsWith(start))
      return Number(found?.slice(start.length) ?? 0)
    },
    /** Waits for what `/readyz` says of the files. */
    files: (wanted: (check: Check) => boolean) =>
      until('what /readyz says of the files', async () => {
        const { status, json } = await get(`${healthOf(child().worker)}/readyz`)
        const found = (json['checks'] as readonly Check[]).find(({ name }) => name === 'policy-files')
        return status === 200 && found !== undefined && wanted(found) ? found : undefined
      }),
    lines,
    /** Waits for a line of the log after the first so many; it comes a moment after what it tells. */
    says: (msg: string, after = 0) =>
      until(msg, () =>
        Promise.resolve(
          lines()
            .slice(after)
            .find((line) => line.msg === msg),
        ),
      ),
  }
}

export const errors = (lines: readonly Line[]) => lines.filter(({ level }) => level === 'error')
