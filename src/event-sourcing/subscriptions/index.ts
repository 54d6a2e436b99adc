export { OvertakenError } from './errors.js';
export type {
  OwnerTurn,
  ParkedStream,
  RetryResult,
  Subscription,
  SubscriptionLog,
  SubscriptionRunnerOptions,
  SubscriptionStatus,
} from './subscription.js';
export { SubscriptionRunner } from './subscription-runner.js';
