// rejected by countersign/rooms
import { fixture } from '../../test/fixtures/good.ts'

export const used = fixture
