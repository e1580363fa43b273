import { z } from 'zod'

const Amount = z.number().min(0).max(1e9)

/** What an hour costs on the hosts that it is for. */
export const Price = z
  .strictObject({
    /** Hosts with all of these labels. */
    labels: z.record(z.string(), z.string()).optional(),
    /** Hosts that serve this queue. */
    queue: z.string().min(1).optional(),
    /** Hosts whose GPU has these words in its name, as `gpu_model` of a sweep does: `A100`, and `A10` is no A100. */
    gpu: z.string().min(1).optional(),
    /** Of one GPU; half of it for a trial that has half a GPU. */
    gpuHour: Amount.default(0),
    /** Of one attempt, whatever it takes up. */
    hour: Amount.default(0),
  })
  .refine((price) => price.gpuHour > 0 || price.hour > 0, {
    path: ['gpuHour'],
    error: 'an hour must cost something: set gpuHour, hour or both',
  })
export type Price = z.infer<typeof Price>

/** Of the prices that are for a host the first one holds; a host that none is for has no price. */
export const PriceTable = z.strictObject({
  /** Such as `EUR`; shown, and nothing else. */
  currency: z.string().min(1).max(20),
  prices: z.array(Price).min(1).max(1000),
})
export type PriceTable = z.infer<typeof PriceTable>
