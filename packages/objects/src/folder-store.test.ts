import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { afterAll, describe, expect, test } from 'vitest'
import { canMount, SmallDisk, WITHOUT_MOUNT } from '../../../test/support/small-disk.ts'
import { FolderStore } from './folder-store.ts'
import { objectStoreContract } from './object-store-contract.ts'

const CLOCK = { now: () => performance.timeOrigin + performance.now() }
const folder = mkdtempSync(join(tmpdir(), 'sweep-objects-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function unfinished(root: string): string[] {
  return readdirSync(join(root, '.unfinished'))
}

describe('in a folder', () => {
  objectStoreContract(() => FolderStore.open(join(folder, 'contract'), CLOCK))

  test('nothing unfinished stays behind', () => {
    expect(unfinished(join(folder, 'contract'))).toEqual([])
  })
})

test('only its owner may read what is kept', async () => {
  const root = join(folder, 'modes')
  const store = await FolderStore.open(root, CLOCK)
  await store.put('a/b', Readable.from(['x']))
  expect(statSync(join(root, 'a', 'b')).mode & 0o077).toBe(0)
  expect(statSync(root).mode & 0o077).toBe(0)
})

test('a process that is killed while it puts leaves the old object, and what it wrote is removed an hour later', async () => {
  const root = join(folder, 'killed')
  const store = await FolderStore.open(root, CLOCK)
  await store.put('a/b', Readable.from(['old']))
  const code = join(folder, 'folder-store.js')
  const bundle = await rolldown({
    input: fileURLToPath(new URL('folder-store.ts', import.meta.url)),
    platform: 'node',
    external: /^node:/,
  })
  await bundle.write({ file: code, format: 'esm' })
  const script = `
    import { Readable } from 'node:stream'
    import { FolderStore } from ${JSON.stringify(code)}
    const store = await FolderStore.open(${JSON.stringify(root)}, { now: () => 0 })
    await store.put('a/b', Readable.from((async function* () {
      yield Buffer.alloc(100_000)
      console.log('half')
      await new Promise((resolve) => setTimeout(resolve, 60_000))
    })()))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(await text((await store.get('a/b')) ?? Readable.from(['none']))).toBe('old')
  const [left = ''] = unfinished(root)
  expect(left).not.toBe('')

  await FolderStore.open(root, CLOCK)
  expect(unfinished(root), 'it may still be written').toEqual([left])
  utimesSync(join(root, '.unfinished', left, 'bytes'), 1e9, 1e9)
  await FolderStore.open(root, CLOCK)
  expect(unfinished(root)).toEqual([])
})

test('a place that is no folder is refused with what to do', async () => {
  const opened = FolderStore.open('/dev/null/objects', CLOCK)
  await expect(opened).rejects.toMatchObject({
    code: 'invalid-request',
    hint: expect.stringContaining('SWEEP_OBJECTS'),
  })
})

const isMountable = canMount()
test.skipIf(!isMountable)(
  `on a full disk a put fails as storage-full, leaves nothing, and works again once there is room${isMountable ? '' : ` (${WITHOUT_MOUNT})`}`,
  async () => {
    const disk = SmallDisk.mount()
    try {
      const store = await FolderStore.open(join(disk.path, 'objects'), CLOCK)
      await store.put('old/key', Readable.from(['old']))
      const large = () => Readable.from([Buffer.alloc(3_000_000), Buffer.alloc(3_000_000)])
      await expect(store.put('old/key', large())).rejects.toMatchObject({ code: 'storage-full', retryable: true })
      expect(unfinished(join(disk.path, 'objects'))).toEqual([])
      expect(await text((await store.get('old/key')) ?? Readable.from(['none']))).toBe('old')
      await store.put('old/key', Readable.from(['new']))
      expect(await text((await store.get('old/key')) ?? Readable.from(['none']))).toBe('new')
    } finally {
      disk.unmount()
    }
  },
)
