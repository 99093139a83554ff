/* Feed cache: the last good bytes of each feed, so that most fetches touch no plan and a feed that
 * cannot be built today is still served as it was.
 *
 * One snapshot a feed, in both encodings, within FEED_CACHE_ENTRIES_MAX and FEED_CACHE_BYTES_MAX;
 * those used longest ago go first. A snapshot that is being sent is pinned and outlives its place
 * in the cache.
 *
 * Must never change the bytes of a snapshot: its ETag is their hash. */
#include "feed_cache.h"

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <openssl/evp.h>
#include <string.h>
#include <zlib.h>

#include "cobi/base/cleanup.h"

#define ETAG_HASH_BYTES 16
#define GZIP_WINDOW     (15 + 16) /* the largest window; 16 asks zlib for a gzip header */
#define GZIP_MEMORY     8
#define READY_BYTES     ((size_t)2048) /* about what the library's response takes */

struct feed_cache {
    struct snapshot *slots[FEED_CACHE_ENTRIES_MAX];
    size_t bytes;
    uint64_t used;
};

struct feed_cache *feed_cache_new(void) {
    struct feed_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL) {
        abort();
    }
    return cache;
}

static size_t size_of(const struct snapshot *snapshot) {
    size_t size = sizeof *snapshot + snapshot->length + snapshot->gzip_length;
    for (size_t i = 0; i < SNAPSHOT_FORMS; i++) {
        size += snapshot->ready[i] != NULL ? READY_BYTES : 0;
    }
    return size;
}

static void snapshot_free(struct snapshot *snapshot) {
    free(snapshot->bytes);
    free(snapshot->gzip);
    free(snapshot);
}

void snapshot_pin(struct snapshot *snapshot) {
    snapshot->pins++;
}

void snapshot_unpin(struct snapshot *snapshot) {
    assert(snapshot->pins > 0);
    snapshot->pins--;
    if (snapshot->pins == 0 && snapshot->dropped) {
        snapshot_free(snapshot);
    }
}

static void drop(struct feed_cache *cache, size_t slot) {
    struct snapshot *snapshot = take(cache->slots[slot]);
    cache->bytes -= size_of(snapshot);
    snapshot_pin(snapshot); /* for as long as it is looked at here */
    snapshot->dropped = true;
    for (size_t i = 0; i < SNAPSHOT_FORMS; i++) {
        if (snapshot->ready[i] != NULL) {
            MHD_destroy_response(
                take(snapshot->ready[i])); /* gives its pin back when it was sent */
        }
    }
    snapshot_unpin(snapshot);
}

void feed_cache_free(struct feed_cache *cache) {
    if (cache == NULL) {
        return;
    }
    for (size_t i = 0; i < FEED_CACHE_ENTRIES_MAX; i++) {
        if (cache->slots[i] != NULL) {
            drop(cache, i);
        }
    }
    free(cache);
}

static bool find_slot(const struct feed_cache *cache, const char *feed_id, size_t *ret_slot) {
    for (size_t i = 0; i < FEED_CACHE_ENTRIES_MAX; i++) {
        if (cache->slots[i] != NULL && strcmp(cache->slots[i]->feed_id, feed_id) == 0) {
            *ret_slot = i;
            return true;
        }
    }
    return false;
}

struct snapshot *feed_cache_find(struct feed_cache *cache, const char *feed_id) {
    size_t slot;
    if (!find_slot(cache, feed_id, &slot)) {
        return NULL;
    }
    cache->slots[slot]->used = ++cache->used;
    return cache->slots[slot];
}

/* The slot that was used longest ago, `except` excepted; false when there is none. */
static bool oldest_slot(const struct feed_cache *cache, const struct snapshot *except,
                        size_t *ret_slot) {
    bool found = false;
    for (size_t i = 0; i < FEED_CACHE_ENTRIES_MAX; i++) {
        const struct snapshot *s = cache->slots[i];
        if (s != NULL && s != except && (!found || s->used < cache->slots[*ret_slot]->used)) {
            *ret_slot = i;
            found = true;
        }
    }
    return found;
}

/* Lets others go until everything fits; when it cannot, the snapshot itself goes (its pin keeps it
 * for now). */
static void make_room(struct feed_cache *cache, struct snapshot *snapshot) {
    size_t slot = 0;
    while (cache->bytes > FEED_CACHE_BYTES_MAX) {
        if (!oldest_slot(cache, snapshot, &slot) && !find_slot(cache, snapshot->feed_id, &slot)) {
            return;
        }
        drop(cache, slot);
    }
}

static size_t free_slot(struct feed_cache *cache) {
    for (size_t i = 0; i < FEED_CACHE_ENTRIES_MAX; i++) {
        if (cache->slots[i] == NULL) {
            return i;
        }
    }
    size_t slot = 0;
    bool found = oldest_slot(cache, NULL, &slot);
    assert(found);
    drop(cache, slot);
    return slot;
}

static void set_etags(struct snapshot *snapshot) {
    unsigned char hash[EVP_MAX_MD_SIZE];
    char hex[2 * ETAG_HASH_BYTES + 1];
    int ok = EVP_Digest(snapshot->bytes, snapshot->length, hash, NULL, EVP_sha256(), NULL);
    assert(ok == 1);
    hex_encode(hash, ETAG_HASH_BYTES, hex);
    struct text plain = TEXT_IN(snapshot->etag), gzip = TEXT_IN(snapshot->etag_gzip);
    text_addf(&plain, "\"%s\"", hex);
    text_addf(&gzip, "\"%s-gz\"", hex);
    assert(!plain.overflow && !gzip.overflow);
}

struct snapshot *feed_cache_put(struct feed_cache *cache, const struct snapshot *meta,
                                char *take_bytes, size_t length) {
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot == NULL) {
        abort();
    }
    *snapshot = (struct snapshot){
        .version = meta->version,
        .withdrawn = meta->withdrawn,
        .last_modified = meta->last_modified,
        .bytes = take_bytes,
        .length = length,
        .pins = 1,
        .used = ++cache->used,
    };
    memcpy(snapshot->feed_id, meta->feed_id, sizeof snapshot->feed_id);
    set_etags(snapshot);
    size_t slot;
    if (find_slot(cache, meta->feed_id, &slot)) {
        drop(cache, slot);
    } else {
        slot = free_slot(cache);
    }
    cache->slots[slot] = snapshot;
    cache->bytes += size_of(snapshot);
    make_room(cache, snapshot);
    return snapshot;
}

/* One call compresses it all: the same bytes give the same bytes, for the header holds no time. */
static int compress_all(const struct snapshot *snapshot, char **ret_bytes, size_t *ret_length) {
    z_stream z = {0};
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return -EIO;
    }
    size_t capacity = deflateBound(&z, snapshot->length);
    _cleanup_free_ char *bytes = malloc(capacity);
    if (bytes == NULL) {
        abort();
    }
    z.next_in = (unsigned char *)snapshot->bytes;
    z.avail_in = (unsigned)snapshot->length;
    z.next_out = (unsigned char *)bytes;
    z.avail_out = (unsigned)capacity;
    int ended = deflate(&z, Z_FINISH);
    (void)deflateEnd(&z); /* only complains about what `ended` says already */
    if (ended != Z_STREAM_END) {
        return -EIO;
    }
    *ret_length = z.total_out;
    *ret_bytes = take(bytes);
    return 0;
}

int feed_cache_compress(struct feed_cache *cache, struct snapshot *snapshot) {
    if (snapshot->gzip != NULL) {
        return 0;
    }
    int r = compress_all(snapshot, &snapshot->gzip, &snapshot->gzip_length);
    if (r == 0 && !snapshot->dropped) {
        cache->bytes += snapshot->gzip_length;
        make_room(cache, snapshot);
    }
    return r;
}

void feed_cache_keep(struct feed_cache *cache, struct snapshot *snapshot, unsigned form,
                     struct MHD_Response *take_ready) {
    assert(form < SNAPSHOT_FORMS);
    if (snapshot->dropped || snapshot->ready[form] != NULL) {
        MHD_destroy_response(take_ready);
        return;
    }
    snapshot->ready[form] = take_ready;
    cache->bytes += READY_BYTES;
    make_room(cache, snapshot);
}

size_t feed_cache_bytes(const struct feed_cache *cache) {
    return cache->bytes;
}
