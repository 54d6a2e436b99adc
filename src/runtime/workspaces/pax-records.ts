import type { Header } from 'tar-stream';
import { LeaseholdError } from '../../errors/catalogue.js';

/** Enough for many extended attributes. */
const MAX_RECORDS = 256;
const SHOWN_CHARACTERS = 64;

/** Records of an extended header that say nothing of what an entry is but what the header itself could say, or that do not travel. */
const HARMLESS = [
  /^(path|linkpath|size|mtime|atime|ctime|uid|gid|uname|gname|comment|charset|hdrcharset)$/,
  /^SCHILY\.(dev|ino|nlink|fflags|acl\..{1,100}|xattr\..{1,1000})$/,
  /^LIBARCHIVE\.(creationtime|xattr\..{1,1000})$/,
  /^RHT\.security\.selinux$/,
];

/**
 * A record of an entry that is not known to be harmless: a reader that skips a record that changes the meaning of the entry, such as those of sparse files, would
 * misread it. Null where there is none.
 * @throws LeaseholdError invalid_archive when there are more than an archive of files has
 */
export function unknownRecord(header: Header): string | null {
  const names = Object.keys(header.pax ?? {});
  if (names.length > MAX_RECORDS)
    throw new LeaseholdError('invalid_archive', 'An extended header has too many records.');
  return names.find((name) => !HARMLESS.some((known) => known.test(name)))?.slice(0, SHOWN_CHARACTERS) ?? null;
}

/** What a sparse file is called, whose entry has another name; null where it is none. */
export function sparseName(header: Header): string | null {
  const records = (header.pax ?? {}) as Readonly<Record<string, string>>;
  return records['GNU.sparse.name'] ?? null;
}
