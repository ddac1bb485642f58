import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { DRAIN_MARGIN_MS, drainTimes } from '../../src/cli/draining.ts'
import { withGatewayOptions } from '../../src/cli/gateway-options.ts'
import {
  DEFAULT_GRACE_SECONDS,
  DEFAULT_HEALTH_ADDRESS,
  listenAddress,
  withWorkerOptions,
} from '../../src/cli/worker-options.ts'
import { countersign, useFolder } from '../cli/cli.ts'
import { useWorkerChild } from '../cli/worker-child.ts'
import { SHOP } from './shop.ts'

const root = join(import.meta.dirname, '..', '..')
const read = (...path: readonly string[]) => readFileSync(join(root, ...path), 'utf8')
const FILES = readdirSync(join(root, 'deploy', 'kubernetes'))

const probe = z.object({
  httpGet: z.object({ path: z.string(), port: z.string() }),
  timeoutSeconds: z.number().optional(),
})
const security = z.object({
  allowPrivilegeEscalation: z.literal(false),
  readOnlyRootFilesystem: z.literal(true),
  capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
})
const container = z.object({
  image: z.string(),
  args: z.array(z.string()),
  env: z.array(z.object({ name: z.string(), value: z.string().optional(), valueFrom: z.unknown().optional() })),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })).optional(),
  startupProbe: probe.optional(),
  readinessProbe: probe.optional(),
  livenessProbe: probe.optional(),
  resources: z.object({ requests: z.record(z.string(), z.string()), limits: z.record(z.string(), z.string()) }),
  securityContext: security,
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })).default([]),
})
const pod = z.object({
  terminationGracePeriodSeconds: z.number().optional(),
  securityContext: z.object({ runAsNonRoot: z.literal(true), runAsUser: z.number(), fsGroup: z.number().optional() }),
  automountServiceAccountToken: z.literal(false),
  containers: z.tuple([container]),
  volumes: z
    .array(z.object({ name: z.string(), secret: z.object({ defaultMode: z.number() }).optional() }))
    .default([]),
})

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: Readonly<Record<string, unknown>>
}

// YAML 1.1, as Kubernetes reads it: 0440 is octal.
const manifests = FILES.flatMap((file) =>
  parseAllDocuments(read('deploy', 'kubernetes', file), { version: '1.1', merge: true }).map((document) => {
    if (document.errors.length > 0) throw new Error(`${file}: ${document.errors.join(', ')}`)
    return document.toJS() as Manifest
  }),
)
/** The one of a kind; of the worker, unless it is said otherwise. */
const ofKind = (kind: string, isGateway = false): Manifest => {
  const found = manifests.find(
    ({ kind: one, metadata: { name } }) => one === kind && (name === 'countersign-gateway') === isGateway,
  )
  if (found === undefined) throw new Error(`there is no ${kind}`)
  return found
}
const podOf = (kind: string, isGateway = false) => {
  const { template } = ofKind(kind, isGateway).spec as {
    template: { spec: unknown; metadata: { labels: Record<string, string> } }
  }
  return { ...pod.parse(template.spec), labels: template.metadata.labels }
}
const WORKERS = ['Deployment', 'WorkerDeployment']
const PORT = Number(DEFAULT_HEALTH_ADDRESS.split(':')[1])

test('the manifests are those that the documentation names', () => {
  expect(manifests.map(({ kind }) => kind).toSorted()).toEqual([
    'Connection',
    'Deployment',
    'Deployment',
    'Job',
    'PodDisruptionBudget',
    'Service',
    'Service',
    'WorkerDeployment',
  ])
  const page = read('docs', 'operating.md')
  for (const file of FILES) expect(page, file).toContain(file)
})

test.each(WORKERS)('%s: probes ask what is served, where it is served, for long enough', (kind) => {
  const [worker] = podOf(kind).containers
  expect(worker.ports).toEqual([{ name: 'health', containerPort: PORT }])
  expect(worker.startupProbe?.httpGet).toEqual({ path: '/readyz', port: 'health' })
  expect(worker.readinessProbe).toMatchObject({ httpGet: { path: '/readyz', port: 'health' }, timeoutSeconds: 5 })
  expect(worker.livenessProbe).toMatchObject({ httpGet: { path: '/healthz', port: 'health' } })
  const address = worker.env.find(({ name }) => name === 'COUNTERSIGN_HEALTH_ADDRESS')
  expect(address?.value).toBe(`0.0.0.0:${PORT}`)
})

test.each(WORKERS)('%s: a pod is given longer than its drain can take', (kind) => {
  const { terminationGracePeriodSeconds, containers } = podOf(kind)
  const grace = Number(containers[0].env.find(({ name }) => name === 'COUNTERSIGN_GRACE')?.value)
  expect(grace).toBe(DEFAULT_GRACE_SECONDS)
  expect(Number(terminationGracePeriodSeconds) * 1000).toBeGreaterThanOrEqual(drainTimes(grace).endMs + DRAIN_MARGIN_MS)
})

test('every variable in a manifest and in the image is one that is read, and every option of theirs is one', () => {
  const command = withWorkerOptions(new Command())
  const known = new Set([
    ...command.options.map(({ envVar }) => envVar),
    'TEMPORAL_ADDRESS',
    'TEMPORAL_NAMESPACE',
    'TEMPORAL_API_KEY',
    'DATABASE_URL',
    'COUNTERSIGN_KEY_FILE',
    'COUNTERSIGN_MODELS',
  ])
  for (const kind of [...WORKERS, 'Job']) {
    for (const { name, value } of podOf(kind).containers[0].env) {
      expect(known, `${kind}: ${name}`).toContain(name)
      // What an option cannot be, its parser throws over.
      command.options.find(({ envVar }) => envVar === name)?.parseArg?.(value ?? '', undefined)
    }
  }
  const inImage = [...read('Dockerfile').matchAll(/^(?:ENV| {3}) (\w+)=/gm)].map(([, name]) => name)
  expect(inImage).toEqual(['NODE_ENV', 'COUNTERSIGN_BUNDLE', 'COUNTERSIGN_HEALTH_ADDRESS', 'COUNTERSIGN_LOG_FORMAT'])
  for (const name of inImage.slice(1)) expect(known).toContain(name)
})

test('nobody but the worker reads the key, and nothing runs as root or may write to its image', () => {
  for (const kind of [...WORKERS, 'Job']) {
    const { securityContext, containers, volumes } = podOf(kind)
    expect(securityContext.runAsUser).toBe(1000)
    expect(containers[0].image).toBe(podOf('Deployment').containers[0].image)
    for (const { secret } of volumes) expect(secret?.defaultMode ?? 0o440).toBe(0o440)
  }
  for (const kind of WORKERS) expect(podOf(kind).volumes.some(({ secret }) => secret !== undefined)).toBe(true)
  const dockerfile = read('Dockerfile')
  expect(dockerfile.indexOf('USER node')).toBeGreaterThan(dockerfile.lastIndexOf('COPY'))
})

test('the gateway is reached and asked for its health where it listens, with variables that it reads, and its key is its own', () => {
  const { containers, labels, volumes, securityContext } = podOf('Deployment', true)
  const [gateway] = containers
  const command = withGatewayOptions(new Command())
  const value = (name: string) => gateway.env.find((one) => one.name === name)?.value ?? ''
  const known = [...command.options.map(({ envVar }) => envVar), 'DATABASE_URL', 'COUNTERSIGN_ISSUER_KEY_FILE']
  for (const { name } of gateway.env) expect(known).toContain(name)
  const { port } = listenAddress(value('COUNTERSIGN_GATEWAY_ADDRESS'))
  expect(gateway.ports).toEqual([{ name: 'http', containerPort: port }])
  expect(gateway.args).toEqual(['gateway'])
  for (const asked of [gateway.startupProbe, gateway.livenessProbe]) {
    expect(asked?.httpGet).toEqual({ path: '/healthz', port: 'http' })
  }
  // Which takes the database.
  expect(gateway.readinessProbe?.httpGet).toEqual({ path: '/v1/keys', port: 'http' })
  const { selector, ports } = ofKind('Service', true).spec as { selector: unknown; ports: readonly unknown[] }
  expect([selector, ports]).toEqual([labels, [{ name: 'http', port: 80, targetPort: 'http' }]])
  const mounts = gateway.volumeMounts.map(({ mountPath }) => `${mountPath}/`)
  for (const name of ['COUNTERSIGN_IDENTITY', 'COUNTERSIGN_ISSUER_KEY_FILE']) {
    expect(mounts.some((mount) => value(name).startsWith(mount))).toBe(true)
  }
  expect(volumes.map(({ secret }) => secret?.defaultMode)).toEqual([0o440, 0o440, undefined])
  expect([securityContext.runAsUser, gateway.image]).toEqual([1000, podOf('Deployment').containers[0].image])
})

test('metrics are scraped from the pods of the workers, at their port', () => {
  const { selector, ports } = ofKind('Service').spec as { selector: Record<string, string>; ports: readonly unknown[] }
  expect(ports).toEqual([{ name: 'health', port: PORT, targetPort: 'health' }])
  for (const kind of WORKERS) expect(podOf(kind).labels).toMatchObject(selector)
  expect((ofKind('PodDisruptionBudget').spec as { selector: { matchLabels: unknown } }).selector.matchLabels).toEqual(
    selector,
  )
})

test('the image asks for its health where it serves it, and builds with what is copied into it', () => {
  const dockerfile = read('Dockerfile')
  expect(dockerfile).toContain(`fetch('http://127.0.0.1:${PORT}/healthz')`)
  expect(dockerfile).toContain(`EXPOSE ${PORT}\n`)
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = '']) => names.split(' '))
  const kept = read('.dockerignore')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.slice(1))
  expect(copied.toSorted()).toEqual(kept.toSorted())
  const { files, scripts } = JSON.parse(read('package.json')) as {
    files: readonly string[]
    scripts: { build: string }
  }
  expect(files).toContain('policies')
  expect(scripts.build).toBe('tsc -p tsconfig.build.json')
})

const folder = useFolder()
const child = useWorkerChild(folder, { args: ['--config', SHOP] })

test('a worker whose code is not the version that the controller waits for does not start', async () => {
  const [, buildId = ''] = /version (\S+) of deployment/.exec(child().worker.stderr()) ?? []
  const args = ['worker', '--config', SHOP, '--task-queue', `${child().taskQueue}-other`]
  const env = { ...child().env, TEMPORAL_WORKER_BUILD_ID: '0.1.0-0000000000000000' }
  const { code, stderr } = await countersign(args, { env, cwd: folder() })
  expect(stderr).toContain(
    `error: TEMPORAL_WORKER_BUILD_ID is 0.1.0-0000000000000000, and the code of this worker is ${buildId}.\n`,
  )
  expect(stderr).toContain('unsafeCustomBuildID')
  expect(stderr).not.toContain('ready')
  expect(code).toBe(1)
})
