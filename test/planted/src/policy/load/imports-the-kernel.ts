// rejected by countersign/rooms
import { propose } from '../../../workflows/kernel/good.ts'

export const used = propose
