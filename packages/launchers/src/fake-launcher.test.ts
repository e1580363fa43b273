import { FakeLauncher } from './fake-launcher.ts'
import { launcherContract } from './launcher-contract.ts'

launcherContract(
  'fake',
  () => new FakeLauncher(),
  {
    exits: (code) => ['exit', String(code)],
    prints: (text) => ['print', text],
    waits: ['wait'],
    ignoresSigterm: ['stubborn'],
    missing: ['no-such-program'],
  },
  { gone: { kind: 'process', pid: 1, startTime: 'another boot' } },
)
