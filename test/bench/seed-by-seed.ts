/**
 * Calls `runOf` for one seed after the other, so that all that is compared has equally many should the time run out: no
 * seed is begun that would likely end after the limit.
 *
 * @param runOf resolves to what each part took, for people
 */
export async function seedBySeed(
  { seeds, limitMs }: { readonly seeds: number; readonly limitMs: number },
  runOf: (seed: number) => Promise<readonly string[]> | readonly string[],
): Promise<void> {
  const begin = performance.now()
  let longestMs = 0
  for (let seed = 0; seed < seeds; seed += 1) {
    const seedBegin = performance.now()
    if (seedBegin - begin + longestMs > limitMs) {
      console.log(`the time was up after ${seed} of ${seeds} seeds; what follows compares those`)
      return
    }
    const took = await runOf(seed)
    console.error(`seed ${seed + 1} of ${seeds}: ${took.join(', ')}`)
    longestMs = Math.max(longestMs, performance.now() - seedBegin)
  }
}
