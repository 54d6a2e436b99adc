import type { Subject } from '../../../platform/http/index.js';

/** Where Nest finds the {@link SubjectCompanies}. */
export const SUBJECT_COMPANIES = Symbol('SubjectCompanies');

export interface SubjectLookup {
  /** The path parameter that names it. */
  readonly parameter: string;
  /** @throws LeaseholdError the not-found of such a subject */
  readonly companyOf: (id: string) => Promise<string>;
  /** The same refusal for one that the caller may not know of. */
  readonly notFound: () => Error;
}

/** How to find the company that what a route is about belongs to. */
export type SubjectCompanies = Readonly<Record<Exclude<Subject, 'service'>, SubjectLookup>>;
