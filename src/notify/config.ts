import { readFileSync } from 'node:fs'
import { parse, YAMLParseError } from 'yaml'
import { z } from 'zod'
import { firstIssue } from '../contract/issue.ts'

const address = z.email()
const url = z.url({ protocol: /^https?$/ })
const variable = z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be the name of an environment variable')
const names = z.array(z.string().min(1)).min(1)

const shared = {
  /** Stands in the ledger and in metrics. */
  name: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, 'must be lower-case letters, digits and `-`'),
  /** Only questions that one of these approver groups has to answer. Default: all. */
  groups: names.optional(),
  /** Only questions of these playbooks. Default: all. */
  playbooks: names.optional(),
}

const channel = z.discriminatedUnion('kind', [
  z.strictObject({ ...shared, kind: z.literal('webhook'), url, secret_env: variable }),
  z.strictObject({ ...shared, kind: z.literal('slack'), url_env: variable }),
  z.strictObject({
    ...shared,
    kind: z.literal('smtp'),
    url_env: variable,
    from: address,
    to: z.array(address).min(1).max(50),
  }),
])

const config = z.strictObject({
  /** Where a run is looked at; `{workflow_id}` stands for its id, `{run_id}` for that of the execution that asks. */
  link: url.refine((text) => text.includes('{workflow_id}'), 'must hold {workflow_id}').optional(),
  channels: z.array(channel).min(1).max(20),
})

type ChannelText = z.output<typeof channel>

/** Where people are told; secrets are read from the environment, and never written down. */
export type Channel = (
  | { readonly kind: 'webhook'; readonly url: string; readonly secret: string }
  | { readonly kind: 'slack'; readonly url: string }
  | { readonly kind: 'smtp'; readonly url: string; readonly from: string; readonly to: readonly string[] }
) & {
  readonly name: string
  readonly groups: readonly string[] | null
  readonly playbooks: readonly string[] | null
}

export interface NotifyConfig {
  /** `null`: no page is known. */
  readonly link: string | null
  readonly channels: readonly Channel[]
}

/** What is wrong with the file, and where. */
export class NotifyConfigError extends Error {
  override readonly name = 'NotifyConfigError'
}

/** Reads `notify.yaml`; throws `NotifyConfigError` on a mistake and on a variable that is not set. */
export function readNotifyConfig(file: string, env: Readonly<Record<string, string | undefined>>): NotifyConfig {
  const wrong = (what: string): Error => new NotifyConfigError(`${file}: ${what}`)
  let found: unknown
  try {
    found = parse(readFileSync(file, 'utf8'), { maxAliasCount: 0 })
  } catch (error) {
    if (error instanceof YAMLParseError) throw wrong(error.message.split('\n')[0] ?? 'it is no YAML')
    throw wrong(error instanceof Error ? error.message : String(error))
  }
  const parsed = config.safeParse(found)
  if (!parsed.success) throw wrong(firstIssue(parsed.error))
  const { link = null, channels } = parsed.data
  const twice = channels.find(({ name }, at) => channels.findIndex((each) => each.name === name) < at)
  if (twice !== undefined) throw wrong(`two channels are called \`${twice.name}\``)
  const secretOf = (name: string): string => {
    const value = env[name]
    if (value === undefined || value === '') throw wrong(`the environment variable ${name} is not set`)
    return value
  }
  return { link, channels: channels.map((each) => channelOf(each, secretOf)) }
}

function channelOf(each: ChannelText, secretOf: (name: string) => string): Channel {
  const { name, groups = null, playbooks = null } = each
  const common = { name, groups, playbooks }
  switch (each.kind) {
    case 'webhook':
      return { ...common, kind: 'webhook', url: each.url, secret: secretOf(each.secret_env) }
    case 'slack':
      return { ...common, kind: 'slack', url: secretOf(each.url_env) }
    case 'smtp':
      return { ...common, kind: 'smtp', url: secretOf(each.url_env), from: each.from, to: each.to }
  }
}

/** The channels that are told of a question. */
export const channelsFor = (
  { channels }: NotifyConfig,
  of: { readonly playbook: string; readonly groups: readonly string[] },
): readonly Channel[] =>
  channels.filter(
    ({ groups, playbooks }) =>
      (playbooks === null || playbooks.includes(of.playbook)) &&
      (groups === null || groups.some((group) => of.groups.includes(group))),
  )
