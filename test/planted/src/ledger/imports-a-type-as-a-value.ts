// rejected by typescript/consistent-type-imports
import { Policy } from '../policy/types.ts'

export const used = (policy: Policy): number => policy.limit
