import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { pythonPackages } from './interpreter.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-python-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Something installed, as pip leaves it. */
function install(into: string, name: string, version: string): void {
  const info = join(into, `${name}-${version}.dist-info`)
  mkdirSync(info, { recursive: true })
  writeFileSync(join(info, 'METADATA'), `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`)
}

const environment = () => ({
  PATH: process.env['PATH'] ?? '',
  HOME: process.env['HOME'] ?? '',
  PYTHONPATH: join(folder, 'lib'),
})

test('the packages of a Python are listed by the names that pip compares, the first of a name first, and sorted', async () => {
  install(join(folder, 'lib'), 'Zeta.Some_thing', '1.0')
  install(join(folder, 'lib'), 'alpha', '2.5rc1')
  install(join(folder, 'later'), 'alpha', '9')
  const env = { ...environment(), PYTHONPATH: `${join(folder, 'lib')}:${join(folder, 'later')}` }
  const packages = (await pythonPackages('python3', folder, env)) ?? {}
  expect(packages).toMatchObject({ 'zeta-some-thing': '1.0', alpha: '2.5rc1' })
  expect(Object.keys(packages)).toEqual(Object.keys(packages).toSorted())
})

test('what lies in the folder of the program is not installed', async () => {
  install(folder, 'local', '1')
  expect(await pythonPackages('python3', folder, environment())).not.toHaveProperty('local')
})

test('what a Python prints at its start does not get in the way', async () => {
  install(join(folder, 'lib'), 'alpha', '1')
  writeFileSync(join(folder, 'lib', 'sitecustomize.py'), 'print("hello {")\n')
  expect(await pythonPackages('python3', folder, environment())).toMatchObject({ alpha: '1' })
})

test('of a program that is no Python, is missing, or answers nonsense, nothing is known', async () => {
  expect(await pythonPackages('sh', folder, environment())).toBeUndefined()
  expect(await pythonPackages('no-such-python3', folder, environment())).toBeUndefined()
  const fake = join(folder, 'python3')
  writeFileSync(fake, '#!/bin/sh\necho "[1]"\n')
  chmodSync(fake, 0o755)
  expect(await pythonPackages(fake, folder, environment())).toBeUndefined()
})
