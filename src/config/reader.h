/* A configuration file being read: libconfig's tree, where each setting stands, and the faults
 * found. Private to this room. */
#ifndef CONFIG_READER_H
#define CONFIG_READER_H

#include <libconfig.h>
#include <sys/types.h>

#include "option.h"

#define READER_WARNINGS_MAX   16
#define READER_FILES_MAX      16
#define READER_FILE_BYTES_MAX ((off_t)1024 * 1024)
struct reader {
    config_t tree;
    const char *file;              /* as the caller gave it */
    char folder[CONFIG_PATH_SIZE]; /* absolute; includes begin at it */
    const char *paths_folder;      /* paths begin at it */
    bool copy;                     /* the file is a kept copy */
    struct config *config;         /* being filled */
    struct complaints *complaints;
    size_t fault_count, warning_count;
    struct complaint warnings[READER_WARNINGS_MAX];
    bool unsound[OPTION_GROUP_COUNT]
                [OUTCOME_CODES_MAX]; /* elements whose options were refused: not looked at again */
};
/* Reads the file and what it includes; every fault becomes a complaint. Returns 0, or a negative
 * errno after at least one complaint. */
_must_use_ int reader_open(struct reader *reader, const char *file, struct config *config,
                           struct complaints *complaints);
void reader_close(struct reader *reader);
/* The setting at a path such as "gateways.[2].url"; where it is not given, the nearest one around
 * it; at last the root. */
_printf_(2, 3) const config_setting_t *reader_at(const struct reader *reader, const char *path,
                                                 ...);
/* The member of a group, or NULL; libconfig 1.5 must not be asked about an empty group. */
const config_setting_t *reader_member(const config_setting_t *group, const char *name);
/* Is there a setting at the path? */
_printf_(2, 3) bool reader_given(const struct reader *reader, const char *path, ...);
/* "file:line: text", counted as a fault; at NULL: the file as a whole. */
_printf_(3, 4) void reader_fault(struct reader *reader, const config_setting_t *at,
                                 const char *format, ...);
/* "file:line: warning: text": refuses nothing; told by reader_tell_warnings(), so that faults come
 * first. */
_printf_(3, 4) void reader_warn(struct reader *reader, const config_setting_t *at,
                                const char *format, ...);
void reader_tell_warnings(struct reader *reader);

#endif
