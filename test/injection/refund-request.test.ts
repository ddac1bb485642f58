import { withstand } from './attack.ts'
import { AMOUNTS, APPROVALS, DISGUISES, REACHES } from './refund-attacks.ts'

withstand('refund_request', [...AMOUNTS, ...APPROVALS, ...REACHES, ...DISGUISES])
