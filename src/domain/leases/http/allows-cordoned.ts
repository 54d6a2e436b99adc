import { requirePermission, type Caller } from '../../../platform/http/index.js';

/** Whether the caller asks for a lease of a cordoned environment too. @throws LeaseholdError permission_denied */
export function allowsCordoned(
  { allowCordoned }: { readonly allowCordoned?: boolean | null },
  caller: Caller,
): boolean {
  if (allowCordoned !== true) return false;
  requirePermission(caller, 'environments:manage');
  return true;
}
