/* The last good bytes of each feed (feed_cache.c); private to this room. */
#ifndef COBI_WEB_FEED_CACHE_H
#define COBI_WEB_FEED_CACHE_H

#include "cobi/base/attribute.h"
#include "cobi/base/text.h"
#include "cobi/base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEED_CACHE_ENTRIES_MAX 256
#define FEED_CACHE_BYTES_MAX   ((size_t)4 * 1024 * 1024)
#define ETAG_SIZE              40

/* 200 or 304, plain or gzip, on a connection that goes on or ends: each is sent with the same bytes
 * every time. */
#define SNAPSHOT_FORMS 8
struct MHD_Response;
/* One feed as it was built. Read only; stays as it is while it is pinned, even after the cache has
 * let it go. */
struct snapshot {
    char feed_id[ID_SIZE];
    uint64_t version;
    bool withdrawn;
    struct instant last_modified;
    char etag[ETAG_SIZE],
        etag_gzip[ETAG_SIZE]; /* strong: of the bytes and the encoding, with their quotes */
    char *bytes, *gzip;       /* gzip: NULL until first asked for */
    size_t length, gzip_length;
    uint32_t pins;
    uint64_t used;                              /* larger: more recently */
    bool dropped;                               /* no longer in the cache: goes with its last pin */
    struct MHD_Response *ready[SNAPSHOT_FORMS]; /* NULL until first sent; each holds a pin */
};
struct feed_cache;
struct feed_cache *feed_cache_new(void);
void feed_cache_free(struct feed_cache *cache);
/* The newest snapshot of the feed, whatever its version, or NULL. Borrowed until the next put. */
struct snapshot *feed_cache_find(struct feed_cache *cache, const char *feed_id);
/* Takes the place of the feed's earlier snapshot; lets go of those used longest ago where there is
 * no room. meta gives feed_id, version, withdrawn and last_modified. Returns it pinned. */
struct snapshot *feed_cache_put(struct feed_cache *cache, const struct snapshot *meta,
                                char *take_bytes, size_t length);
void snapshot_pin(struct snapshot *snapshot);
void snapshot_unpin(struct snapshot *snapshot);
/* Makes the compressed form if there is none yet. Returns 0 or -EIO (serve the plain one). */
_must_use_ int feed_cache_compress(struct feed_cache *cache, struct snapshot *snapshot);
/* Keeps the answer of that form for the next time, unless there is one or the snapshot has gone
 * meanwhile. */
void feed_cache_keep(struct feed_cache *cache, struct snapshot *snapshot, unsigned form,
                     struct MHD_Response *take_ready);
size_t feed_cache_bytes(const struct feed_cache *cache);

#endif
