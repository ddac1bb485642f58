import { rooms } from './rooms.ts'
import { syncValidator } from './sync-validator.ts'

/** Our own lint rules; oxlint reads the default export. */
export default { meta: { name: 'countersign' }, rules: { rooms, 'sync-validator': syncValidator } }
