import { expect, test } from 'vitest'
import type { Cause } from './attempt.ts'
import { type Elsewhere, type HostAttempt, whyBadHost } from './bad-host.ts'
import type { SweepId } from './ids.ts'

const SWEEP = '0000000001' as SweepId
const OTHER = '0000000002' as SweepId

function failed(trial: number, changes: Partial<HostAttempt> = {}): HostAttempt {
  return { sweepId: SWEEP, trial, cause: 'user-error', seconds: 2, ...changes }
}

function isBad(
  lately: readonly HostAttempt[],
  elsewhere: Partial<Elsewhere>[] = [{ ran: 5 }],
  hasOthers = true,
): boolean {
  const known = new Map([[SWEEP, elsewhere.map((host) => ({ ran: 0, failedFast: 0, ...host }))]])
  return whyBadHost({ lately, elsewhere: known, hasOthers }) !== undefined
}

const three = [failed(1), failed(2), failed(3)]
const faults = three.map((one): HostAttempt => ({ ...one, cause: 'node-fault' }))
const good = failed(4, { cause: 'succeeded' })

test.each<[string, boolean, boolean]>([
  ['three configs that run elsewhere', isBad(three), true],
  ['two are not enough', isBad(three.slice(1)), false],
  ['one config three times is one', isBad([failed(1), failed(1), failed(2)]), false],
  [
    'the same number in another sweep is another config',
    isBad([...three.slice(1), failed(2, { sweepId: OTHER })]),
    false,
  ],
  ['a success before them does not help', isBad([...three, good]), true],
  ['one after them does', isBad([good, ...three]), false],
  ['one between them ends the row', isBad([failed(1), failed(2), good, failed(3)]), false],
  ['a failure after half a minute is no fast one', isBad([failed(1, { seconds: 31 }), ...three.slice(1)]), false],
  ['a value of NaN is the config’s own', isBad([failed(1, { cause: 'nan' }), ...three.slice(1)]), false],
  ['nobody has run the sweep elsewhere yet', isBad(three, []), false],
  ['too few have', isBad(three, [{ ran: 2 }]), false],
  ['they fail elsewhere too', isBad(three, [{ failedFast: 9 }]), false],
  ['some fail elsewhere too', isBad(three, [{ ran: 17, failedFast: 2 }]), false],
  ['hardly any fail elsewhere', isBad(three, [{ ran: 18, failedFast: 2 }]), true],
  ['another bad host does not speak for this one', isBad(three, [{ failedFast: 9 }, { ran: 3 }]), true],
  ['runs here and there make no proof', isBad(three, [{ ran: 2 }, { ran: 2 }]), false],
  ['the last host is kept', isBad(three, [{ ran: 5 }], false), false],
  ['faults of the host need no proof', isBad(faults, []), true],
  ['unless other hosts have them too', isBad(faults, [{ failedFast: 3 }, { failedFast: 1 }]), false],
  [
    'faults of the host, however late',
    isBad(
      faults.map((one) => ({ ...one, seconds: 900 })),
      [],
    ),
    true,
  ],
  ['nothing has ended', isBad([]), false],
])('%s', (_name, found, expected) => {
  expect(found).toBe(expected)
})

test('a broken sweep does not hide a bad host from others, nor make it one', () => {
  const broken = [failed(1, { sweepId: OTHER }), failed(2, { sweepId: OTHER }), failed(3, { sweepId: OTHER })]
  expect(isBad([broken[0] as HostAttempt, ...three])).toBe(true)
  expect(isBad([...broken, failed(1), failed(2)])).toBe(false)
})

test('the reason names what happened', () => {
  const causes: Cause[] = ['user-error', 'bad-command', 'user-error']
  const lately = causes.map((cause, index) => failed(index, { cause }))
  const elsewhere = new Map([[SWEEP, [{ ran: 3, failedFast: 0 }]]])
  expect(whyBadHost({ lately, elsewhere, hasOthers: true })).toBe(
    '3 different configs in a row failed on it soon after their start (the program exited with an error, or the program could not be started), and run on other hosts',
  )
})
