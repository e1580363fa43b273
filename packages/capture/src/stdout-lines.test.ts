import { expect, test } from 'vitest'
import { parsePrintedLine, StdoutLines } from './stdout-lines.ts'

test.each([
  ['epoch=3 val_loss=0.41', { step: 3, values: { val_loss: 0.41 } }],
  ['val_loss: 0.41 (step 7)', { step: 7, values: { val_loss: 0.41 } }],
  ['{"step": 2, "loss": 0.5, "lr": 1e-3}', { step: 2, values: { loss: 0.5, lr: 1e-3 } }],
  ['{"loss":0.5}', { values: { loss: 0.5 } }],
  ["{'loss': 0.3, 'grad_norm': 1.2, 'epoch': 1.0}", { step: 1, values: { loss: 0.3, grad_norm: 1.2 } }],
  ['Epoch 3/10 - loss: 0.3 - accuracy: 0.91', { step: 3, values: { loss: 0.3, accuracy: 0.91 } }],
  ['[Iter 40] train/loss = 1.5, val.loss = NaN', { step: 40, values: { 'train/loss': 1.5, 'val.loss': Number.NaN } }],
  ['step: 5, loss: inf', { step: 5, values: { loss: Number.POSITIVE_INFINITY } }],
  ['2026-01-01 12:30:11,123 INFO train loss=0.5', { values: { loss: 0.5 } }],
  ['epoch=2 step=1200 val_loss=0.5', { step: 1200, values: { epoch: 2, val_loss: 0.5 } }],
  ['epoch=1.5 loss=2', { values: { epoch: 1.5, loss: 2 } }],
  ['acc=91.5%', { values: { acc: 91.5 } }],
  ['\u001b[32mloss\u001b[0m=\u001b[1m0.25\u001b[0m', { values: { loss: 0.25 } }],
  [
    '\r 10%|#   | 1/10 [00:01<00:10, 9.1it/s, loss=0.9]\r100%|####| 10/10 [00:10<00:00, 9.9it/s, loss=0.3]',
    { values: { loss: 0.3 } },
  ],
  ['loss=0.125\r', { values: { loss: 0.125 } }],
  // What tqdm 4.67 writes for set_description and set_postfix.
  [
    '\repoch 2 loss=0.167:   0% 0/3 [00:00<?, ?it/s]\repoch 2 loss=0.167: 100% 3/3 [00:00<00:00, 28859.89it/s]',
    { step: 2, values: { loss: 0.167 } },
  ],
  [
    'Epoch 3: 100%|##########| 3/3 [00:00<00:00, 13588.46it/s, acc=91.2%, loss=0.3]',
    { step: 3, values: { acc: 91.2, loss: 0.3 } },
  ],
  ['step 4 loss=0.5:  40%|████      | 2/5 [00:01<00:01, 1.9it/s]', { step: 4, values: { loss: 0.5 } }],
  // Percentages that were measured, though counts stand behind some.
  ['[====>] Step: 12ms | Loss: 0.9 | Acc: 91.500% (915/1000)', { values: { Loss: 0.9, Acc: 91.5 } }],
  ['acc: 91%', { values: { acc: 91 } }],
  ['epoch 1 acc: 90% loss: 0.5\repoch 2 acc: 91% loss: 0.4', { step: 2, values: { acc: 91, loss: 0.4 } }],
])('%j is understood', (line, point) => {
  expect(parsePrintedLine(line)).toEqual(point)
})

test.each([
  '',
  'hello world',
  'listening on http://localhost:8080/',
  'epoch=3',
  'python train.py --lr=0.1 --epochs=3',
  'x == 3',
  'time=12.3s',
  'version: 1.2.3',
  'loss=',
  '=0.5',
  'loss=0.5.1',
  '12:30:11',
  'hash=0x1f',
  'Downloading: 100%|##########| 10/10 [00:00<00:00, 84.07it/s]',
  '\rDownloading:   0%|          | 0/3 [00:00<?, ?it/s]\rDownloading: 100%|██████████| 3/3 [00:00<00:00, 84449.07it/s]\r',
  '\rmodel.safetensors: 100%|██████████| 548k/548k [00:00<00:00, 33.3GB/s]\u001b[A',
  'Map: 100% 3/3 [00:00<00:00, 28859.89it/s]',
  'Loading checkpoint shards:  50%|█████     | 1/2 [00:03<?, ?it/s]',
  'epoch:  30%|###       | 3/10 [00:03<00:07,  1.00s/it]',
  '\rx:   0%|          | done\rx: 100%|██████████| done',
  '\rx: 0.0%\rx: 100.0%',
  'Receiving objects:  99% (11/12)\rReceiving objects: 100% (12/12), 1.20 MiB | 3.10 MiB/s, done.',
])('%j holds no metric', (line) => {
  expect(parsePrintedLine(line)).toBeNull()
})

test('a value that a cut at 4 kB goes through is not taken', () => {
  const line = `${'x'.repeat(4090)} a=0.123456789`
  expect(parsePrintedLine(line)).toBeNull()
  expect(parsePrintedLine(`a=1 ${line}`)).toEqual({ values: { a: 1 } })
})

test('a sweep reads by its own patterns: groups name and value, or one metric', () => {
  const lines = new StdoutLines(
    {
      stdout: 'regex',
      patterns: [{ regex: '(?<name>\\w+) is (?<value>[\\d.]+)' }, { regex: '^final ([\\d.e-]+)$', metric: 'score' }],
    },
    () => undefined,
  )
  expect(lines.parse(['epoch 4: loss is 0.5 and acc is 0.9', 'final 1e-3', 'a=1'])).toEqual([
    { step: 4, values: { loss: 0.5, acc: 0.9 } },
    { values: { score: 1e-3 } },
    null,
  ])
})

test('beside auto, patterns add to what was found', () => {
  const lines = new StdoutLines(
    { stdout: 'auto', patterns: [{ regex: 'took (\\d+)', metric: 'seconds' }] },
    () => undefined,
  )
  expect(lines.parse(['step=2 loss=0.5 took 7 s'])).toEqual([{ step: 2, values: { loss: 0.5, seconds: 7 } }])
})

test('how far a progress bar is may be asked for by a pattern', () => {
  const lines = new StdoutLines(
    { stdout: 'auto', patterns: [{ regex: 'Downloading: +(\\d+)%', metric: 'downloaded' }] },
    () => undefined,
  )
  const bar = '\rDownloading:  50%|#####     | 1/2 [00:00<?, ?it/s]\rDownloading: 100%|##########| 2/2 [00:00<?, ?it/s]'
  expect(lines.parse([bar])).toEqual([{ values: { downloaded: 100 } }])
})

test('none reads nothing', () => {
  expect(new StdoutLines({ stdout: 'none', patterns: [] }, () => undefined).parse(['a=1'])).toEqual([null])
})

test('a pattern that backtracks without end is broken off, given up and told once', () => {
  const warnings: string[] = []
  const lines = new StdoutLines({ stdout: 'regex', patterns: [{ regex: '^(a+)+$', metric: 'm' }] }, (w) =>
    warnings.push(w),
  )
  const began = performance.now()
  expect(lines.parse([`${'a'.repeat(4000)}!`])).toEqual([null])
  expect(lines.parse(['aaa'])).toEqual([null])
  expect(performance.now() - began).toBeLessThan(2000)
  expect(warnings).toEqual([expect.stringContaining('took too long')])
})

test('a pattern that is no regular expression is told and not used', () => {
  const warnings: string[] = []
  const lines = new StdoutLines({ stdout: 'regex', patterns: [{ regex: '(' }] }, (w) => warnings.push(w))
  expect(lines.parse(['a=1'])).toEqual([null])
  expect(warnings).toHaveLength(1)
})

test('lines made to be slow are read in time that grows with their length', () => {
  const nasty = [
    'a'.repeat(4096),
    `${'a='.repeat(2048)}`,
    `${'a= '.repeat(1300)}`,
    `${' '.repeat(4000)}=1`,
    `epoch${' '.repeat(4000)}x=`,
    `"${"'a'".repeat(1000)}:`,
    `a:${'1%|'.repeat(1360)}`,
    `${'1% 1/1 '.repeat(580)}=`,
    `a:${' 100%'.repeat(800)}\ra:${' 100%'.repeat(800)}`,
  ]
  const began = performance.now()
  for (const line of nasty) for (let i = 0; i < 20; i += 1) parsePrintedLine(line)
  expect(performance.now() - began).toBeLessThan(1500)
})
