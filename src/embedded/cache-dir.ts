import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * The folder in which executables are kept for every checkout of this user: `countersign/bin` under
 * `$XDG_CACHE_HOME` (any platform, when set), else `~/Library/Caches` on macOS, `%LOCALAPPDATA%` on Windows and
 * `~/.cache` elsewhere. It need not exist. `env` is read instead of the process's own environment.
 */
export function binCacheDir(env: NodeJS.ProcessEnv): string {
  return join(userCacheDir(env), 'countersign', 'bin')
}

function userCacheDir(env: NodeJS.ProcessEnv): string {
  if (env['XDG_CACHE_HOME']) return env['XDG_CACHE_HOME']
  const home = env['HOME'] ?? homedir()
  if (process.platform === 'darwin') return join(home, 'Library', 'Caches')
  if (process.platform === 'win32') {
    return env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local')
  }
  return join(home, '.cache')
}
