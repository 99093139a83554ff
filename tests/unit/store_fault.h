/* A file system that fails on order: the n-th write, sync or cut from now on answers with an error,
 * once or for ever, whole or after half of it was written. Lies over SQLite's own "unix" and is the
 * one every store of this program gets. */
#ifndef COBI_TESTS_STORE_FAULT_H
#define COBI_TESTS_STORE_FAULT_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static struct fault_plan {
    int at;   /* 0: no fault; 1: the next call */
    int code; /* SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC */
    bool lasting, torn;
    int calls;         /* how many were made since it was set */
    int failed;        /* how many of them failed */
    bool only_reading; /* a file is opened for reading alone, as SQLite does where it may not write
                        */
} fault_plan;

struct fault_file {
    sqlite3_file base;
    sqlite3_file *real;
};

static bool fault_now(void) {
    struct fault_plan *p = &fault_plan;

    p->calls++;
    const bool now = p->at > 0 && (p->calls == p->at || (p->lasting && p->calls > p->at));
    p->failed += now;
    return now;
}

static sqlite3_file *fault_real(sqlite3_file *file) {
    return ((struct fault_file *)file)->real;
}

static int fault_write(sqlite3_file *file, const void *bytes, int length, sqlite3_int64 offset) {
    sqlite3_file *real = fault_real(file);

    if (!fault_now()) {
        return real->pMethods->xWrite(real, bytes, length, offset);
    }
    if (fault_plan.torn && length > 1) {
        (void)real->pMethods->xWrite(real, bytes, length / 2,
                                     offset); /* the fault is what counts */
    }
    return fault_plan.code;
}

/* Nothing is really synced: no test cuts the power, and the disk's time would be most of the
 * test's. */
static int fault_sync(sqlite3_file *file, int flags) {
    (void)file;
    (void)flags;
    return fault_now() ? (fault_plan.code == SQLITE_FULL ? SQLITE_IOERR_FSYNC : fault_plan.code)
                       : SQLITE_OK;
}

static int fault_truncate(sqlite3_file *file, sqlite3_int64 size) {
    sqlite3_file *real = fault_real(file);

    return fault_now() ? fault_plan.code : real->pMethods->xTruncate(real, size);
}

static int fault_close(sqlite3_file *file) {
    sqlite3_file *real = fault_real(file);
    const int code = real->pMethods->xClose(real);

    free(real);
    return code;
}

/* What passes through unchanged. */
#define PASS(name, parameters, ...)                                                                \
    static int fault_##name parameters {                                                           \
        sqlite3_file *real = fault_real(file);                                                     \
        return real->pMethods->name(real, ##__VA_ARGS__);                                          \
    }
PASS(xRead, (sqlite3_file * file, void *bytes, int length, sqlite3_int64 offset), bytes, length,
     offset)
PASS(xFileSize, (sqlite3_file * file, sqlite3_int64 *size), size)
PASS(xLock, (sqlite3_file * file, int level), level)
PASS(xUnlock, (sqlite3_file * file, int level), level)
PASS(xCheckReservedLock, (sqlite3_file * file, int *result), result)
PASS(xFileControl, (sqlite3_file * file, int op, void *argument), op, argument)
PASS(xSectorSize, (sqlite3_file * file))
PASS(xDeviceCharacteristics, (sqlite3_file * file))
PASS(xShmMap, (sqlite3_file * file, int region, int size, int extend, void volatile **memory),
     region, size, extend, memory)
PASS(xShmLock, (sqlite3_file * file, int offset, int count, int flags), offset, count, flags)
PASS(xShmUnmap, (sqlite3_file * file, int drop), drop)
#undef PASS

static void fault_barrier(sqlite3_file *file) {
    sqlite3_file *real = fault_real(file);

    real->pMethods->xShmBarrier(real);
}

static const sqlite3_io_methods fault_methods = {
    .iVersion = 2,
    .xClose = fault_close,
    .xRead = fault_xRead,
    .xWrite = fault_write,
    .xTruncate = fault_truncate,
    .xSync = fault_sync,
    .xFileSize = fault_xFileSize,
    .xLock = fault_xLock,
    .xUnlock = fault_xUnlock,
    .xCheckReservedLock = fault_xCheckReservedLock,
    .xFileControl = fault_xFileControl,
    .xSectorSize = fault_xSectorSize,
    .xDeviceCharacteristics = fault_xDeviceCharacteristics,
    .xShmMap = fault_xShmMap,
    .xShmLock = fault_xShmLock,
    .xShmBarrier = fault_barrier,
    .xShmUnmap = fault_xShmUnmap,
};

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                      int *ret_flags) {
    sqlite3_vfs *unix_vfs = vfs->pAppData;
    struct fault_file *f = (struct fault_file *)file;

    if (fault_plan.only_reading) {
        flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
    }
    f->base.pMethods = NULL;
    f->real = calloc(1, (size_t)unix_vfs->szOsFile);
    if (!f->real) {
        abort();
    }
    const int code = unix_vfs->xOpen(unix_vfs, name, f->real, flags, ret_flags);

    if (code != SQLITE_OK) {
        free(f->real);
        return code;
    }
    f->base.pMethods = &fault_methods;
    return SQLITE_OK;
}

/* From here on every database of the process lies on it. */
static inline void fault_install(void) {
    static sqlite3_vfs vfs;
    sqlite3_vfs *unix_vfs = sqlite3_vfs_find("unix");

    if (!unix_vfs) {
        abort();
    }
    vfs = *unix_vfs;
    vfs.pNext = NULL;
    vfs.zName = "fault";
    vfs.szOsFile = sizeof(struct fault_file);
    vfs.pAppData = unix_vfs;
    vfs.xOpen = fault_open;
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK) {
        abort();
    }
}

static inline void fault_set(int at, int code, bool lasting, bool torn) {
    fault_plan = (struct fault_plan){.at = at, .code = code, .lasting = lasting, .torn = torn};
}

#endif
