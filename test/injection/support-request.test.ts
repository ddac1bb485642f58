import { withstand } from './attack.ts'
import { CALLS, MONEY } from './support-attacks.ts'
import { CLAIMS, LEAKS, PLANTS } from './support-replies.ts'

withstand('support_request', [...MONEY, ...CALLS, ...LEAKS, ...CLAIMS, ...PLANTS])
