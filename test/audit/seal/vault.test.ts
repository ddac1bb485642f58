import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { rawKey } from '../../../src/audit/seal/note.ts'
import { vaultSealKeys } from '../../../src/audit/seal/vault-keys.ts'

/**
 * As much of Vault as its documentation says of transit (`GET keys/:name`, `POST sign/:name` with `input` and `key_version`, `POST keys/:name/rotate`,
 * `X-Vault-Token`, `errors`).
 */
class Transit {
  readonly versions: KeyObject[] = []
  readonly asked: string[] = []
  type = 'ed25519'
  status = 200
  answer: unknown
  readonly server: Server = createServer((request, response) => {
    void (async () => {
      let body = ''
      for await (const chunk of request) body += String(chunk)
      this.asked.push(`${request.method ?? ''} ${request.url ?? ''}`)
      const say = (status: number, json: unknown): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json))
      }
      if (request.headers['x-vault-token'] !== 'a token') return say(403, { errors: ['permission denied'] })
      if (this.status !== 200) return say(this.status, { errors: ['Vault is sealed'] })
      if (this.answer !== undefined) return say(200, this.answer)
      if (request.url === '/v1/transit/keys/seal') return say(200, { data: this.#key() })
      if (request.url !== '/v1/transit/sign/seal') return say(404, { errors: [] })
      const { input, key_version: version = this.versions.length } = JSON.parse(body) as {
        input: string
        key_version?: number
      }
      const key = this.versions[version - 1]
      if (key === undefined) return say(400, { errors: ['cannot sign with this version'] })
      const signature = sign(null, Buffer.from(input, 'base64'), key).toString('base64')
      return say(200, { data: { signature: `vault:v${version}:${signature}`, key_version: version } })
    })()
  })

  rotate(): void {
    this.versions.push(generateKeyPairSync('ed25519').privateKey)
  }

  #key() {
    const keys = this.versions.map((key, at) => [
      String(at + 1),
      {
        creation_time: '2026-11-27T10:00:00Z',
        name: 'ed25519',
        public_key: Buffer.from(rawKey(key)).toString('base64'),
      },
    ])
    return {
      type: this.type,
      derived: false,
      latest_version: this.versions.length,
      keys: Object.fromEntries(keys) as object,
      supports_signing: true,
    }
  }
}

let vault: Transit
let settings: Parameters<typeof vaultSealKeys>[0]

beforeEach(async () => {
  vault = new Transit()
  vault.rotate()
  await new Promise<void>((ready) => vault.server.listen(0, '127.0.0.1', ready))
  const { port } = vault.server.address() as AddressInfo
  settings = { address: `http://127.0.0.1:${port}`, key: 'seal', token: () => 'a token' }
})
afterEach(() => {
  vault.server.closeAllConnections()
  vault.server.close()
})

const text = Buffer.from('acme.example/log\n7\n')

test('a key in Vault signs as one in a file would, and never leaves it', async () => {
  const [key, ...others] = await vaultSealKeys(settings)
  expect(others).toEqual([])
  const [inside] = vault.versions
  if (inside === undefined) throw new Error('there is none')
  expect(Buffer.from(await key.sign(text))).toEqual(sign(null, text, inside))
  expect(vault.asked).toEqual(['GET /v1/transit/keys/seal', 'POST /v1/transit/sign/seal'])
})

test('after a rotation the new version signs first, and the one before it still does', async () => {
  vault.rotate()
  vault.rotate()
  const keys = await vaultSealKeys(settings)
  expect(keys).toHaveLength(2)
  const expected = [vault.versions[2], vault.versions[1]].map((key) =>
    key === undefined ? undefined : sign(null, text, key),
  )
  expect(await Promise.all(keys.map(async (key) => Buffer.from(await key.sign(text))))).toEqual(expected)
  expect(await vaultSealKeys(settings, 0)).toHaveLength(1)
  expect(await vaultSealKeys(settings, 9)).toHaveLength(3)
})

test('what Vault refuses, or answers in another form, is no signature', async () => {
  await expect(vaultSealKeys({ ...settings, token: () => 'another' })).rejects.toThrow(/\(403\): permission denied/)
  await expect(vaultSealKeys({ ...settings, key: 'other' })).rejects.toThrow(/404/)
  vault.type = 'rsa-2048'
  await expect(vaultSealKeys(settings)).rejects.toThrow(/it must be ed25519/)
  vault.type = 'ed25519'
  const [key] = await vaultSealKeys(settings)
  vault.status = 503
  await expect(key.sign(text)).rejects.toThrow(/is sealed/)
  vault.status = 200
  for (const signature of ['vault:v2:AAAA', 'vault:v1:AAAA', 'AAAA', `vault:v1:${'A'.repeat(86)}==x`]) {
    vault.answer = { data: { signature } }
    await expect(key.sign(text)).rejects.toThrow(/another form/)
  }
  vault.answer = { data: {} }
  await expect(key.sign(text)).rejects.toThrow(/another form/)
  vault.server.closeAllConnections()
  await new Promise((closed) => vault.server.close(closed))
  await expect(key.sign(text)).rejects.toThrow(/did not answer/)
})
