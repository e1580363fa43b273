// `npm run demo`: installs, builds, and runs the example sweep from start to end.
import { build, install, run } from './prepare.mjs'

install()
build()
run(process.execPath, ['dist/sweep.js', 'demo', ...process.argv.slice(2)])
