import { suitsGpu } from '@sweep/spec/placement'
import type { Price, PriceTable } from '@sweep/spec/prices'

/** What attempts have taken on one kind of host. */
export interface Usage {
  /** Of wall time, all attempts together. */
  readonly seconds: number
  /** Times the GPUs that each had. */
  readonly gpuSeconds: number
  readonly labels: Readonly<Record<string, string>>
  readonly queues: readonly string[]
  /** Model of the GPU they ran on; null without one. */
  readonly gpu: string | null
}

export interface Cost {
  /** In the currency of the table. */
  readonly amount: number
  readonly currency: string
  /** Of wall time on hosts that have no price, which is not in the amount. */
  readonly unpricedSeconds: number
}

/** The first price that is for such a host. */
export function priceFor(table: PriceTable, host: Pick<Usage, 'labels' | 'queues' | 'gpu'>): Price | undefined {
  return table.prices.find(({ labels = {}, queue, gpu }) => {
    const hasLabels = Object.entries(labels).every(
      ([name, value]) => Object.hasOwn(host.labels, name) && host.labels[name] === value,
    )
    const hasGpu = gpu === undefined || (host.gpu !== null && suitsGpu({ index: 0, name: host.gpu }, { gpuModel: gpu }))
    return hasLabels && hasGpu && (queue === undefined || host.queues.includes(queue))
  })
}

/** What all of it costs. */
export function costOf(table: PriceTable, usages: readonly Usage[]): Cost {
  let amount = 0
  let unpricedSeconds = 0
  for (const usage of usages) {
    const price = priceFor(table, usage)
    if (price === undefined) unpricedSeconds += usage.seconds
    else amount += (usage.gpuSeconds * price.gpuHour + usage.seconds * price.hour) / 3600
  }
  return { amount, currency: table.currency, unpricedSeconds }
}
