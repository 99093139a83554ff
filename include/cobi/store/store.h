/* The store: one SQLite database, one writer, one statement catalogue. The only room that knows SQL.
 *
 * Functions return 0 or a count, and negative errno on failure: -EBUSY (locked by another process: try later), -ENOSPC, -EROFS, -EIO
 * (unknown whether it is there: the caller ends the process, store_fatal()), -EUCLEAN (a row that does not read as what we wrote), -EEXIST
 * (a key that is taken), -ENOENT (no such row, or one that this row refers to), -EINVAL (a value that the schema refuses), -EMSGSIZE (a text of
 * a megabyte), -ESTALE (the row is not what the caller decided on).
 *
 * Finding a row that does not read is -EUCLEAN; so is a list with such a row, until the row was set aside (store_quarantine()): from then on
 * lists go on without it. */
#ifndef COBI_STORE_STORE_H
#define COBI_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cobi/base/arena.h"
#include "cobi/base/attribute.h"
#include "cobi/base/complaint.h"
#include "cobi/base/text.h"
#include "cobi/base/time.h"

struct store;
#define STORE_KEY_BYTES 32
/* Reads the key from the file (64 hexadecimal digits, a newline after them at most); with `create`, makes a 0600 file when there is none. */
_must_use_ int store_key_load(const char *file, bool create, unsigned char ret_key[STORE_KEY_BYTES], struct complaint *complaint);
/* Opens or creates the database file, migrates it in one transaction, prepares every statement. A second process on the same file is
 * refused (-EALREADY), as are a newer schema (-EPROTONOSUPPORT), a wrong key (-EKEYREJECTED) and a file that is no database of ours
 * (-EMEDIUMTYPE); none of these is written to. */
_must_use_ int store_open(const char *file, const unsigned char key[STORE_KEY_BYTES], struct store **ret_store, struct complaint *complaint);
void store_close(struct store *store);
/* Faster and not durable against power loss: simulator only. */
void store_set_volatile(struct store *store);

/* One write transaction a turn. commit ends it in every case: after a failure nothing was kept, but where store_fatal() says so after a commit
 * it is unknown what the disk will show. Where SQLite gives up the transaction in the middle (-ENOSPC, -EIO) every call after that returns
 * the same error until rollback or commit, so that no part of a turn is kept alone. Nothing is begun any more once store_fatal(). */
_must_use_ int store_begin(struct store *store);
_must_use_ int store_commit(struct store *store);
void store_rollback(struct store *store);
/* Within a transaction: a part that can be undone alone (one bad row). */
_must_use_ int store_part_begin(struct store *store);
_must_use_ int store_part_end(struct store *store, bool keep);
/* Parts cost nearly as much as what is done in them, and almost never is one bad. After this, and until the transaction ends, there are none:
 * a part that is not to be kept makes every call return -ERESTART, up to the rollback. The caller then does the whole turn again, with parts. */
void store_without_parts(struct store *store);
/* The database can no longer be trusted to say what it holds: end the process, restart, read again. */
bool store_fatal(const struct store *store);
/* Was the last error that there is no room on the disk? */
bool store_full(const struct store *store);
/* The last error of the database in words, without values. */
const char *store_error_text(const struct store *store);

/* Small settings of the database itself ("clock_kind"). load: 1 and arena text, 0 where there is none; find: NULL then, and where it cannot be read. */
_must_use_ int store_meta_load(struct store *store, const char *name, struct arena *arena, const char **ret_value);
_must_use_ int store_meta_set(struct store *store, const char *name, const char *value);
const char *store_meta_find(struct store *store, const char *name, struct arena *arena);

/* Identifiers derived from natural keys (HMAC of a seed), so that no counter tells of other rows: prefix, "-", `letters` (at most 26) of base32. None
 * spells a word that a participant must not read (disclose_find_word()). */
void store_derive_id(const struct store *store, const char *prefix, const char *natural_key, size_t letters, char ret_id[ID_SIZE]);
/* A UUID derived the same way (RFC 9562 layout, version 8). */
void store_derive_uuid(const struct store *store, const char *natural_key, char ret_uuid[37]);
uint64_t store_derive_number(const struct store *store, const char *natural_key);
/* Secrets that can be made again: 32 bytes from a purpose and a natural key. */
void store_derive_secret(const struct store *store, const char *purpose, const char *natural_key, unsigned char ret_secret[32]);
/* Keyed hash for look-ups (HMAC-SHA-256), as 64 hexadecimal digits. */
#define STORE_HASH_SIZE 65
void store_hash(const struct store *store, const char *purpose, const char *text, char ret_hash[STORE_HASH_SIZE]);
/* The same as a number, for an index that is small. */
int64_t store_hash_number(const struct store *store, const char *purpose, const char *text);
/* Constant-time comparison of two texts. */
bool store_equal_secret(const char *a, const char *b);

/* Grows with every row that is written, committed or not: while it stands still, what was read from the store still holds. */
uint64_t store_changes(const struct store *store);

/* What needs attention next, over all tables: INSTANT_NEVER when nothing waits. Of messages only what wakes after `messages_after` counts
 * (STORE_ALL_MESSAGES: all), and the moment at which the first of them is too late. */
#define STORE_ALL_MESSAGES ((struct instant){INT64_MIN})
_must_use_ int store_next_wake(struct store *store, struct instant messages_after, struct instant *ret_instant);
/* After the clock was believed to be ahead by -back: timers that count from a moment (chains, tasks, retries, what follows an outcome) come by as
 * much earlier, never before now. */
_must_use_ int store_draw_in(struct store *store, struct instant now, struct span back);

#endif
