/** In which the tables of an exported project may be written. */
export const TRANSFER_FORMATS = ['jsonl', 'csv', 'parquet'] as const
