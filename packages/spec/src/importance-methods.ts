/** Ways to say how much a parameter matters. A file of its own, as the command line would load zod with the schema. */
export const IMPORTANCE_METHODS = ['fanova', 'ped-anova', 'permutation', 'mdi', 'spearman', 'pearson'] as const
export type ImportanceMethod = (typeof IMPORTANCE_METHODS)[number]
