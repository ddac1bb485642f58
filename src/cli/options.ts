import { type Command, InvalidArgumentError } from 'commander'
import { deploymentOf, isDeploymentName } from '../contract/version.ts'
import { DEFAULT_TASK_QUEUE } from '../contract/wire.ts'

/** What every command takes. `--verbose` is read by the program when it prints an error. */
export interface CommonOptions {
  readonly stateDir: string
}

export interface JsonOption {
  readonly json?: true
}

/** What commands take that work on a task queue. */
export interface QueueOption {
  readonly taskQueue: string
}

/** What commands take that work on the versions of workers. */
export interface DeploymentOption extends QueueOption {
  readonly deployment?: string
}

/** What commands take that read the project. */
export interface ProjectOption {
  readonly config?: string
}

export const DEFAULT_STATE_DIR = '.countersign'

export const withCommon = (command: Command): Command =>
  command
    .option('--state-dir <folder>', 'data and addresses of the development servers', DEFAULT_STATE_DIR)
    .option('--verbose', 'show where an error comes from')

export const withJson = (command: Command): Command => command.option('--json', 'print JSON to stdout')

export const withQueue = (command: Command): Command =>
  command.option('--task-queue <name>', 'where the workers listen', DEFAULT_TASK_QUEUE)

export const withDeployment = (command: Command): Command =>
  withQueue(command).option(
    '--deployment <name>',
    'the worker deployment (default: the name of the task queue)',
    deploymentName,
  )

/** The deployment that the options name, or mean. */
export const namedDeployment = ({ deployment, taskQueue }: DeploymentOption): string =>
  deployment ?? deploymentOf(taskQueue)

const deploymentName = (name: string): string => {
  if (isDeploymentName(name)) return name
  throw new InvalidArgumentError('It must be 1 to 200 letters, digits, `-`, `_` and `/`.')
}

export const withProject = (command: Command): Command =>
  command.option('--config <file>', 'the project file (default: countersign.config.ts, .js or .mjs, else the sample)')

/** The parser of an option that may be repeated. */
export const collected = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]

/** The parser of a whole number from `least` to `most`. */
export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN
    if (number >= least && number <= most) return number
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
  }

/** The parser of a text that must not be blank. */
export const filled = (text: string): string => {
  if (text.trim() !== '') return text
  throw new InvalidArgumentError('It must not be blank.')
}

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** The parser of a duration such as `90m`, `12h` or `30d`; milliseconds. */
export const duration = (text: string): number => {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count !== undefined) return Number(count) * (UNITS_MS[unit] ?? 0)
  throw new InvalidArgumentError(
    'It must be a whole number of seconds, minutes, hours or days, such as `90m`, `12h` or `30d`.',
  )
}
