// rejected by countersign/rooms
import { cents } from '../contract/good.ts'

export const used = cents
