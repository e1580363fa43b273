import type { Field } from '@sweep/spec/filter/filter'
import { expect, test } from 'vitest'
import type { RunData } from '../runs/run-data.ts'
import { bars } from './bar.ts'
import { heatmap } from './heatmap.ts'
import { runContour, runLines } from './run-points.ts'
import { scatter } from './scatter.ts'

const param = (name: string): Field => ({ kind: 'param', name })
const LOSS: Field = { kind: 'metric', name: 'loss', summary: 'last' }

function run(id: string, params: RunData['params'], last?: number): RunData {
  const metrics: RunData['metrics'] = last === undefined ? {} : { loss: { last, min: last, max: last } }
  const times = { createdAt: 0, startedAt: 0, endedAt: 1000 }
  return { id, name: id, group: null, status: 'completed', params, tags: { team: 'x' }, metrics, ...times }
}

test('a scatter has the runs that have both, and says how many have not', () => {
  const runs = [
    run('a', { lr: 0.1 }, 1),
    run('b', { lr: 'auto' }, 2),
    run('c', {}, 3),
    run('d', { lr: [1] }, 4),
    run('e', { lr: 0.1 }, Number.NaN),
  ]
  expect(scatter(runs, { x: param('lr'), y: LOSS, color: { kind: 'tag', name: 'team' } })).toEqual({
    points: [
      { run: 'a', x: 0.1, y: 1, color: 'x' },
      { run: 'b', x: 'auto', y: 2, color: 'x' },
    ],
    leftOut: 3,
  })
})

test('bars have the runs of each value together', () => {
  const runs = [run('a', { opt: 'sgd' }, 1), run('b', { opt: 'adam' }, 2), run('c', { opt: 'sgd' }, 4), run('d', {}, 1)]
  expect(bars(runs, { x: param('opt'), y: LOSS })).toEqual({
    bars: [
      { x: 'adam', runs: 1, mean: 2, std: null, min: 2, median: 2, max: 2 },
      { x: 'sgd', runs: 2, mean: 2.5, std: Math.sqrt(4.5), min: 1, median: 2.5, max: 4 },
    ],
    leftOut: 1,
  })
})

test('a heatmap cuts numbers into bands of about equally many runs, and every run is in one cell', () => {
  const runs = Array.from({ length: 100 }, (_, n) => run(`r${n}`, { lr: 10 ** -(n % 50), opt: n % 3 }, n))
  const { xs, ys, cells, leftOut } = heatmap(runs, { x: param('lr'), y: param('opt'), value: LOSS }, 5)
  expect(leftOut).toBe(0)
  expect(ys).toEqual([0, 1, 2].map((at) => ({ from: at, to: at })))
  expect(xs).toHaveLength(5)
  expect(cells.flat().reduce((sum, cell) => sum + (cell?.runs ?? 0), 0)).toBe(100)
  for (const column of xs.keys()) {
    expect(cells.reduce((sum, row) => sum + (row[column]?.runs ?? 0), 0)).toBe(20)
  }
  expect(heatmap([], { x: LOSS, y: LOSS, value: LOSS })).toEqual({ xs: [], ys: [], cells: [], leftOut: 0 })
})

test('parallel coordinates put the best last, on axes of what the runs have', () => {
  const runs = [
    run('a', { lr: 1, opt: 'x' }, 1),
    run('b', { lr: 3, opt: 'y' }, 2),
    run('c', { lr: 2 }, 3),
    run('d', {}),
  ]
  const { axes, lines, leftOut } = runLines(runs, [param('lr'), param('opt')], LOSS, 'minimize')
  expect(axes).toEqual([
    { name: 'params.lr', values: null },
    { name: 'params.opt', values: ['x', 'y'] },
  ])
  expect(lines.map(({ run: id }) => id)).toEqual(['c', 'b', 'a'])
  expect(lines[0]?.at[1]).toBeNull()
  expect(leftOut).toBe(1)
})

test('a contour is a model of the runs over two params, which sees where it is low', () => {
  const runs = Array.from({ length: 200 }, (_, n) => {
    const [x, y] = [(n * 0.618) % 1, (n * 0.414) % 1]
    return run(`r${n}`, { x, y, noise: (n * 0.7) % 1 }, (x - 0.2) ** 2 + (y - 0.8) ** 2)
  })
  const { xs, ys, cells } = runContour(runs, [param('x'), param('y')], LOSS, 'minimize')
  const flat = cells.flatMap((row, j) => row.map(({ value }, i) => ({ x: xs[i], y: ys[j], value })))
  const best = flat.reduce((a, b) => (b.value < a.value ? b : a))
  expect(best.x).toBeLessThan(0.5)
  expect(best.y).toBeGreaterThan(0.5)
  expect(() => runContour(runs.slice(0, 2), [param('x'), param('y')], LOSS, 'minimize')).toThrow('needs 4 runs')
  expect(() => runContour(runs, [param('x'), param('z')], LOSS, 'minimize')).toThrow('params.z')
})
