import { defineConfig } from 'vitest/config'
import base from './vitest.config.ts'

/** `npm run test:chromium`: Temporal's own pages in a real Chromium (`CHROMIUM`, default `/usr/bin/chromium`), with pictures for `docs/images`. */
export default defineConfig({ test: { ...base.test, include: ['test/privacy/*.chromium.ts'] } })
