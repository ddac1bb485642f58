import type { Command } from 'commander'
import { type IdentityOption, withIdentity } from '../identity-options.ts'
import { type CommonOptions, type JsonOption, withCommon, withJson } from '../options.ts'
import { tableOf } from '../table.ts'
import { out, outJson, plainIndented } from '../terminal.ts'

interface Options extends CommonOptions, JsonOption, IdentityOption {}

/** `countersign whoami`: as the gateway would see it; no token is printed. */
export function define(command: Command): void {
  withIdentity(withJson(withCommon(command))).action(whoami)
}

async function whoami({ stateDir, identity, json }: Options): Promise<void> {
  const [{ readMapping }, { readLogin }, { freshLogin, whoIs }, { notLoggedIn }] = await Promise.all([
    import('../../identity/mapping-file.ts'),
    import('../login-file.ts'),
    import('../logged-in.ts'),
    import('../errors.ts'),
  ])
  if ((await readLogin(stateDir)) === undefined) throw notLoggedIn()
  const mapping = readMapping(identity)
  const login = await freshLogin(stateDir, mapping)
  if (login === undefined) throw notLoggedIn()
  const { subject, kind, workspaces, identityIn } = await whoIs(login, mapping)
  const identities = workspaces.map((workspace) => identityIn(workspace))
  if (json) {
    outJson({ subject, kind, issuer: login.issuer, expiresAt: login.expiresAt, identities })
    return
  }
  const rows = [
    ['subject', `${subject} (${kind})`],
    ['issuer', login.issuer],
    ['token', `until ${login.expiresAt}${login.refreshToken === null ? '' : ', and is refreshed then'}`],
    ...identities.flatMap(({ workspace, groups, scopes, assurance }) => [
      ['workspace', workspace],
      ['  groups', groups.join(', ') || 'none'],
      ['  scopes', scopes.join(', ') || 'none'],
      [
        '  assurance',
        [assurance.acr, ...(assurance.amr ?? []), assurance.authTime].filter(Boolean).join(', ') || 'none',
      ],
    ]),
  ]
  for (const line of tableOf(rows)) out(plainIndented(line))
}
