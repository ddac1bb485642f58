/**
 * The fault suite.
 *
 *   --trials <n>        default 20
 *   --seed <s>          the same seed makes the same choices; default: a random one, which is printed
 *   --runs <n>          runs of a trial; default 8
 *   --trial <n>         only the n-th trial of that seed
 *   --fault <text>      only faults whose name has the text in it
 *   --sabotage <name>   with a part of the product taken out: then violations are what is wanted
 */
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { FAULTS } from './kinds/index.ts'
import { summary, trialLine } from './report.ts'
import { SABOTAGES } from './sabotage/sabotages.ts'
import { Stage } from './stage.ts'
import { drawn, ORDERS_A_TRIAL, runCampaign } from './suite.ts'

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '20' },
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
    runs: { type: 'string', default: '8' },
    trial: { type: 'string' },
    fault: { type: 'string', default: '' },
    sabotage: { type: 'string' },
  },
})

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const sabotage = SABOTAGES.find(({ name }) => name === values.sabotage)
const wanted = (sabotage?.shownBy ?? FAULTS).filter(({ name }) => name.includes(values.fault))
if (wanted.length === 0 || (values.sabotage !== undefined && sabotage === undefined)) {
  say('There is no such fault or sabotage. Sabotages:')
  for (const { name } of SABOTAGES) say(`  ${name}`)
  say('Faults:')
  for (const { name } of FAULTS) say(`  ${name}`)
  process.exit(2)
}

const only = values.trial === undefined ? undefined : Number(values.trial)
const all = drawn(values.seed, wanted, only ?? Number(values.trials))
const faults = only === undefined ? all : all.slice(only - 1)
const runs = Number(values.runs)
say(`seed ${values.seed}, ${faults.length} trials${sabotage === undefined ? '' : `, sabotage: ${sabotage.name}`}`)

const stage = new Stage(sabotage)
try {
  await stage.start(all.length * ORDERS_A_TRIAL)
  const campaign = { seed: values.seed, faults, runs, first: only ?? 1 }
  const { results, total } = await runCampaign(stage, campaign, (number, result) => {
    say(trialLine(number, result))
    if (result.tally.violations.length === 0) return
    for (const violation of result.tally.violations) say(`      VIOLATION  ${violation}`)
    const repeat = [`--seed ${values.seed}`, `--trial ${number}`, `--runs ${runs}`]
    if (values.fault !== '') repeat.push(`--fault '${values.fault}'`)
    for (const folder of result.kept) say(`      its histories: ${folder}`)
    say(`      again: npm run test:faults -- ${repeat.join(' ')}`)
  })
  say(summary(results, total))
  const struck = results.some(({ injected }) => injected > 0)
  process.exitCode = total.violations.length === 0 && total.acknowledged > 0 && struck ? 0 : 1
  if (total.acknowledged === 0 || !struck) say('Nothing was attempted, so nothing was shown.')
} finally {
  await stage.stop()
}
