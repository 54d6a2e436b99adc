/** Of a row of `subscriptions`: its checkpoint stands at an event that the log does not have. */
export const IS_FOREIGN = `(checkpoint > coalesce((SELECT max(position) FROM events), 0) OR checkpoint_event IS NOT NULL
  AND checkpoint_event IS DISTINCT FROM (SELECT id FROM events WHERE position = checkpoint))`;
