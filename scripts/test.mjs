// `npm test`: installs, builds, lints, type-checks and runs every test. With arguments, only the tests they name.
import { spawn } from 'node:child_process'
import { build, install, root, run } from './prepare.mjs'

install()
build()
const names = process.argv.slice(2)
if (names.length > 0) {
  run('npx', ['vitest', 'run', ...names])
} else {
  // Side by side: the checks use one core while most tests wait.
  const results = await Promise.all([
    start('npm', ['run', '--silent', 'lint']),
    start('npm', ['run', '--silent', 'typecheck']),
    start('npx', ['vitest', 'run']),
  ])
  for (const { name, status } of results) if (status !== 0) console.error(`failed: ${name}`)
  process.exit(results.some(({ status }) => status !== 0) ? 1 : 0)
}

/** Runs a command to its end; what it printed is shown in one piece, so that the three do not mix. */
function start(command, args) {
  const name = [command, ...args].join(' ')
  const live = command === 'npx'
  const child = spawn(command, args, { cwd: root, stdio: live ? 'inherit' : ['ignore', 'pipe', 'pipe'] })
  let text = ''
  child.stdout?.on('data', (chunk) => (text += chunk))
  child.stderr?.on('data', (chunk) => (text += chunk))
  return new Promise((resolve) => {
    child.once('error', (cause) => resolve({ name, status: 1, text: cause.message }))
    child.once('close', (status) => {
      if (!live) console.log(`${status === 0 ? 'ok' : 'FAILED'}: ${name}${status === 0 ? '' : `\n${text}`}`)
      resolve({ name, status: status ?? 1 })
    })
  })
}
