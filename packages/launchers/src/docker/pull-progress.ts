import { formatMemory } from '@sweep/spec/units'

/** What the engine sends while it pulls an image, one for each step of each layer. */
export interface PullEvent {
  readonly id?: string
  readonly status?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
  readonly error?: string
}

interface Layer {
  readonly current: number
  readonly total: number
}

/** How far a pull has got, over all its layers. */
export class PullProgress {
  readonly #image: string
  readonly #layers = new Map<string, Layer>()

  constructor(image: string) {
    this.#image = image
  }

  take({ id, status, progressDetail }: PullEvent): void {
    if (id === undefined) return
    const before = this.#layers.get(id)
    if (status === 'Downloading' && progressDetail?.total !== undefined) {
      this.#layers.set(id, { current: progressDetail.current ?? 0, total: progressDetail.total })
    } else if (before !== undefined && status !== 'Downloading') {
      this.#layers.set(id, { current: before.total, total: before.total })
    }
  }

  /** `pulling pytorch/pytorch:2.5: 41% of 3.1GiB`; the whole is known only once every layer has begun. */
  get text(): string {
    const layers = [...this.#layers.values()]
    const total = layers.reduce((sum, layer) => sum + layer.total, 0)
    if (total === 0) return `pulling ${this.#image}`
    const current = layers.reduce((sum, layer) => sum + layer.current, 0)
    if (current >= total) return `pulling ${this.#image}: unpacking ${formatMemory(total)}`
    return `pulling ${this.#image}: ${Math.floor((100 * current) / total)}% of ${formatMemory(total)}`
  }
}
