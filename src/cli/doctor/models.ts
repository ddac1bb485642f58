import { failureRule } from '../../contract/failures.ts'
import { formatMicroUsd } from '../../contract/money.ts'
import type { Thought } from '../../contract/tool.ts'
import type { ModelsConfig } from '../../tools/models/config.ts'
import { loadModels } from '../../tools/models/load.ts'
import { probeModels } from '../../tools/models/probe.ts'
import { connectAll } from '../../tools/models/thinker.ts'
import type { Project } from '../../worker/project.ts'
import { readPlaybooks } from '../../worker/registry.ts'
import { failed, type Finding, looked, ok, warn } from './finding.ts'

/** Whether each thought has somebody to answer it, and, where `ask`, whether the models take the key and answer. */
export async function lookAtModels(project: Project, ask: boolean): Promise<readonly Finding[]> {
  const file = process.env['COUNTERSIGN_MODELS']
  const isSet = file !== undefined && file !== ''
  let models: ModelsConfig | undefined
  const configured = await looked('models', async () => {
    models = isSet ? await loadModels(file) : undefined
    return await answeredBy(project, models, isSet ? `\`${file}\`` : 'COUNTERSIGN_MODELS, which is not set,')
  })
  if (models === undefined) return configured
  return [...configured, ...(await looked('model-endpoints', () => askAll(models as ModelsConfig, ask)))]
}

async function answeredBy(project: Project, models: ModelsConfig | undefined, source: string): Promise<Finding> {
  const contracts = await readPlaybooks(project.workflows).catch(() => undefined)
  if (contracts === undefined)
    return warn('models', 'the contracts cannot be read', 'Mend them first: see `contracts`.')
  const byName = new Map([...contracts.values()].flatMap(({ thoughts }) => thoughts.map((one) => [one.name, one])))
  const isAnswered = ({ role, name }: Thought): boolean =>
    models?.roles[role] !== undefined || Object.hasOwn(project.deterministic ?? {}, name)
  const lost = [...byName.values()].filter((thought) => !isAnswered(thought))
  if (lost.length > 0) {
    const names = lost.map(({ name, role }) => `${name} (${role})`).join(', ')
    return failed('models', `nobody answers ${names}`, 'Name a model for the role in COUNTERSIGN_MODELS.')
  }
  const roles = Object.keys(models?.roles ?? {})
  const rest = roles.length === 0 ? 'plain code answers every thought' : 'plain code answers the others'
  return ok('models', `${source} names a model for ${roles.join(', ') || 'no role'}; ${rest}`)
}

async function askAll(models: ModelsConfig, ask: boolean): Promise<readonly Finding[]> {
  const endpoints = connectAll(models, process.env)
  if (!ask) return [ok('model-endpoints', 'were not asked (`--no-model`); each key that they need is set')]
  const probed = await probeModels(endpoints.values())
  return probed.map(({ roles, model, endpoint, problem, microUsd }) => {
    const who = `${model} (${roles.join(', ')}) at ${endpoint}`
    if (problem !== null) return failed('model-endpoints', `${who} ${problem.what}`, failureRule(problem.code).help)
    return ok('model-endpoints', `${who} answered one call of 16 tokens, for ${formatMicroUsd(microUsd)}`)
  })
}
