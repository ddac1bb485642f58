// rejected by countersign/rooms
import { main } from '../cli/good.ts'

export const used = main
