import { Command, CommanderError } from 'commander'
import { createRequire } from 'node:module'
import { EXIT } from './exit.ts'
import { say } from './terminal.ts'

/** A file of `commands/`: it gives a command its arguments, options and action. */
interface CommandModule {
  readonly define: (command: Command) => void
}

/** Every command with its line in the help; its module is loaded only when it is named. */
const COMMANDS: readonly (readonly [name: string, summary: string, load: () => Promise<CommandModule>])[] = [
  ['demo', 'run seven refunds, live, on servers of its own', () => import('./commands/demo.ts')],
  ['dev', 'run servers, sample and worker for development, until Ctrl-C', () => import('./commands/dev.ts')],
  ['setup', 'prepare the configured Temporal and database', () => import('./commands/setup.ts')],
  ['doctor', 'look at all that a worker needs, and say what to mend', () => import('./commands/doctor.ts')],
  ['build', 'bundle the playbooks ahead of time', () => import('./commands/build.ts')],
  ['worker', 'run playbooks and tools until SIGTERM', () => import('./commands/worker.ts')],
  [
    'versions',
    'list the versions of the workers, and how many open runs each has',
    () => import('./commands/versions.ts'),
  ],
  ['rollout', 'send new runs to another version of the workers', () => import('./commands/rollout.ts')],
  ['gateway', 'sign what people say, once they proved who they are', () => import('./commands/gateway.ts')],
  ['keys', 'list, rotate and revoke the keys that sign statements', () => import('./commands/keys.ts')],
  ['login', 'log in at the identity provider', () => import('./commands/login.ts')],
  ['logout', 'forget who is logged in', () => import('./commands/logout.ts')],
  ['whoami', 'show who is logged in, and what the mapping makes of it', () => import('./commands/whoami.ts')],
  ['token', 'print a fresh access token, for other programs', () => import('./commands/token.ts')],
  ['statement', 'print a signed statement, for other clients of Temporal', () => import('./commands/statement.ts')],
  ['delegate', 'let somebody else speak for you in a group', () => import('./commands/delegate.ts')],
  ['people', 'list delegations; withdraw and restore whose word counts', () => import('./commands/people.ts')],
  ['start', 'start a run of a playbook', () => import('./commands/start.ts')],
  [
    'list',
    'list runs: those that are open first, the newest before the others; then closed ones, the last closed first',
    () => import('./commands/list.ts'),
  ],
  ['show', 'show a run: its state, what it waits for, what it did', () => import('./commands/show.ts')],
  ['approve', 'approve an action or a higher limit that waits', () => import('./commands/approve.ts')],
  ['reject', 'reject an action or a higher limit that waits', () => import('./commands/reject.ts')],
  ['change', 'have an action that waits done otherwise; it is decided anew', () => import('./commands/change.ts')],
  ['undo', 'undo a completed run inside its window', () => import('./commands/undo.ts')],
  ['cancel', 'stop a run and undo what it did', () => import('./commands/cancel.ts')],
  ['resolve', 'settle an incident of a run', () => import('./commands/resolve.ts')],
  [
    'reconcile',
    'compare what histories say of effects with what the ledger says',
    () => import('./commands/reconcile.ts'),
  ],
  ['audit', 'print the record of a run, explain its steps, see what is exported', () => import('./commands/audit.ts')],
  ['stop', 'stop a run, a tool, a playbook or a workspace at once', () => import('./commands/stop.ts')],
  ['resume', 'let what was stopped go on', () => import('./commands/resume.ts')],
  ['stops', 'list what is stopped', () => import('./commands/stops.ts')],
  [
    'erase',
    'forget somebody: make the data of his runs unreadable, and certify it',
    () => import('./commands/erase.ts'),
  ],
  ['hold', 'keep what a court may ask for from being erased', () => import('./commands/hold.ts')],
  ['retention', 'delete what is past its time, and list the proofs', () => import('./commands/retention.ts')],
  ['policy', 'check, test, explain, compare and try policies', () => import('./commands/policy.ts')],
]

const AFTER_HELP = `
Where Temporal is: TEMPORAL_ADDRESS or a profile of Temporal's own tools, else the stack of \`countersign dev\` in
this folder. Where the database is: DATABASE_URL, else that stack. stdout is data, stderr is for people.
Exit codes: 0 yes, 1 could not run, 2 usage, 3 ran and the answer is no.`

/** Runs the command that the arguments name and ends the process with its exit code. */
export async function runProgram(args: readonly string[]): Promise<void> {
  process.stdout.on('error', endOnClosedPipe)
  process.stderr.on('error', endOnClosedPipe)
  const { version } = createRequire(import.meta.url)('countersign/package.json') as { version: string }
  const program = new Command('countersign')
    .description('Auditable agent playbooks on Temporal: no effect without a warrant.')
    .version(version)
    .addHelpText('after', AFTER_HELP)
    .exitOverride()
  await end(await run(program, args))
}

async function run(program: Command, args: readonly string[]): Promise<number> {
  const named = args.filter((arg) => !arg.startsWith('-'))
  try {
    for (const [name, summary, load] of COMMANDS) {
      const command = program.command(name).description(summary)
      // `countersign start` and `countersign help start`
      if (named.slice(0, 2).includes(name)) (await load()).define(command)
    }
    await program.parseAsync(args, { from: 'user' })
    return Number(process.exitCode ?? EXIT.yes)
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.yes
      // Its message is on stderr already.
      if (error.code !== 'commander.help') say(`  help  ${pathOf(program, named)} --help`)
      return EXIT.usage
    }
    const { printError, UsageError } = await import('./errors.ts')
    printError(error, { verbose: args.includes('--verbose') })
    return error instanceof UsageError ? EXIT.usage : EXIT.couldNotRun
  }
}

/** The command that was named, as far as it is known: `countersign policy backtest`. */
function pathOf(command: Command, [name, ...more]: readonly string[]): string {
  const inner = command.commands.find((one) => one.name() === name)
  return inner === undefined ? command.name() : `${command.name()} ${pathOf(inner, more)}`
}

/** `countersign list | head -1` closes our pipe early, which is nobody's error. */
function endOnClosedPipe(error: NodeJS.ErrnoException): void {
  process.exit(error.code === 'EPIPE' ? EXIT.yes : EXIT.couldNotRun)
}

/** Ends the process once everything is written, whatever handle a library has left open. */
async function end(exitCode: number): Promise<never> {
  await new Promise((written) => process.stdout.write('', written))
  await new Promise((written) => process.stderr.write('', written))
  process.exit(exitCode)
}
