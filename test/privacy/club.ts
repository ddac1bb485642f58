import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { RunHandle } from '../../src/client/index.ts'
import { fail } from '../../src/contract/failures.ts'
import { implement, type ToolCall } from '../../src/tools/implementation.ts'
import { createThinker } from '../../src/tools/models/thinker.ts'
import { useWorld, type World, type WorldOptions } from '../support/world.ts'
import { findMember, writeMember } from './contracts.ts'

export interface Asked {
  readonly email?: string
  readonly text?: string
  readonly reading?: string
  readonly writing?: string
  readonly token?: string
}

/** A world of the club for a test file. `seen`: the secrets that its tools were handed; `wrote`: how often it wrote. */
export function useClub(options: WorldOptions = {}) {
  const seen: string[] = []
  const wrote: string[] = []
  const use = async ({ token, how }: { readonly token: string; readonly how: string }, call: ToolCall) => {
    const value = await call.secret(token)
    seen.push(value)
    if (how === 'throws_it') throw new Error(`401 for ${value} and ${encodeURIComponent(value)}`)
    if (how === 'fails_with_it') throw fail('tool_failed', `the key ${value} was refused`, { sent: { key: value } })
    return how === 'returns_it' ? `used ${value}` : 'used'
  }
  const tools = [
    implement(findMember, {
      execute: async (input, call) => ({ member: `mem-of-${input.email}`, note: await use(input, call) }),
    }),
    implement(writeMember, {
      preview: async (input, call) => ({
        changes: [
          { record: 'mailbox', field: 'last', from: 'nothing', to: `${input.text} (${await use(input, call)})` },
        ],
        expect: {},
      }),
      async execute(input, call) {
        wrote.push(input.member)
        return { member: input.member, through: 'agent-7', note: await use(input, call) }
      },
      undo: async (input, _output, call) => `taken back: ${await use({ ...input, how: 'returns_it' }, call)}`,
    }),
  ]
  const world = useWorld({
    workflows: join(import.meta.dirname, 'playbooks.ts'),
    policies: join(import.meta.dirname, 'policies'),
    tools,
    thinker: createThinker({ deterministic: {}, env: {} }),
    ...options,
  })
  return { world, seen, wrote, start: (asked: Asked) => startInforming(world(), asked) }
}

export const startInforming = (
  world: World,
  asked: Asked,
  workflowId = `informs-${randomUUID()}`,
): Promise<RunHandle> =>
  world.client.start(
    'informs',
    {
      email: `${randomUUID()}@mail.example`,
      text: 'The hall is closed.',
      reading: 'keeps_it',
      writing: 'keeps_it',
      token: 'secret:CLUB_KEY',
      ...asked,
    },
    { principal: { subject: 'ana@acme.example', workspace: 'acme' }, workflowId },
  )
