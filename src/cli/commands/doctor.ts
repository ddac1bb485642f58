import { type Command, Option } from 'commander'
import type { DoctorOptions } from '../doctor/doctor.ts'
import { withCommon, withDeployment, withJson, withProject } from '../options.ts'

/** `countersign doctor`: says of all that a worker needs whether it is there, and what to do where it is not. */
export function define(command: Command): void {
  withProject(withDeployment(withJson(withCommon(command))))
    .addOption(
      new Option('--bundle <folder>', 'look at what `countersign build` wrote there').env('COUNTERSIGN_BUNDLE'),
    )
    .addOption(
      new Option('--exports <file>', 'look at where it says that audit records are exported to').env(
        'COUNTERSIGN_EXPORTS',
      ),
    )
    .option('--no-model', 'ask no model; else each gets one call of 16 tokens, with nothing of yours in it')
    .action(async (options: DoctorOptions) => {
      const { doctor } = await import('../doctor/doctor.ts')
      await doctor(options)
    })
}
