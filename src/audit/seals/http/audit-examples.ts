import type { AuditHead } from '../audit-trail.js';
import type { Seal } from '../seal.js';
import type { Verification } from '../verification.js';
import type { LeaseProof } from '../verify-proof.js';

const HASH = '5b1f0a6f2a6e2d3b8a4a0b1f6f4d1c2e9b7a6c5d4e3f2a1b0c9d8e7f6a5b4c3d';
const KEY_ID = '9f86d081884c7d65';
const PUBLIC_KEYS = [{ keyId: KEY_ID, publicKey: '-----BEGIN PUBLIC KEY-----\n…\n-----END PUBLIC KEY-----\n' }];

export const SEAL_EXAMPLE: Seal = {
  number: 5,
  fromPosition: 4097,
  toPosition: 5120,
  treeRoot: HASH,
  previousSealHash: HASH,
  sealedAt: '2026-11-24T09:30:00.000Z',
  keyId: KEY_ID,
  signature: 'base64…',
};

export const HEAD_EXAMPLE: AuditHead = {
  seal: SEAL_EXAMPLE,
  sealHash: HASH,
  position: 5123,
  unsealedEvents: 3,
  publicKeys: PUBLIC_KEYS,
};

export const VERIFICATION_EXAMPLE: Verification = {
  ok: false,
  events: 5123,
  seals: 5,
  unsealedEvents: 3,
  head: SEAL_EXAMPLE,
  findings: [
    {
      kind: 'changed_event',
      position: 812,
      toPosition: 812,
      seal: null,
      detail: 'Event 812 was changed after it was sealed.',
    },
  ],
  moreFindings: 0,
};

export const LEASE_PROOF_EXAMPLE: LeaseProof = {
  leaseId: '018f4b6e-7a3c-7d21-9b0e-5c1d2e3f4a5e',
  events: [{ position: 4100, event: '{"stream":"lease-…"}', leafHash: HASH, proof: { seal: 5, path: [HASH, HASH] } }],
  seals: [SEAL_EXAMPLE],
  publicKeys: PUBLIC_KEYS,
};
