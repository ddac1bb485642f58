import { defineConfig } from 'vitest/config'
import base from './vitest.config.ts'

/** `npm run record-histories`: records again what `test/replay` replays. Only with a `[replay]` line in the changelog. */
export default defineConfig({ test: { ...base.test, include: ['test/{replay,audit/seal}/*.record.ts'] } })
