/* A power cut, for the file system that fails on order: what was never synced is lost. */
#ifndef COBI_TESTS_POWER_CUT_H
#define COBI_TESTS_POWER_CUT_H

#include <stdbool.h>

/* What a cut takes back of all that was not synced. */
enum power_loss { POWER_LOSES_ALL, POWER_LOSES_BYTES, POWER_LOSES_NAMES, POWER_LOSES_SOME };
#define POWER_LOSS_COUNT 4

/* From here on it keeps what a cut would take back; lost: a folder of its own, for names that are gone. */
void power_begin(const char *lost);
/* Before bytes or the length of a file change. */
void power_before_change(int fd);
/* After a file's bytes or a folder's names were synced. */
void power_synced(int fd);
/* Whether the name is there; asked before it is made. */
bool power_name_is_there(int folder, const char *path);
/* After a name was made that was not there. */
void power_made(int folder, const char *path);
/* Before a file's name goes or another file takes its place; nothing where there is none. */
void power_before_removal(int folder, const char *path);
int power_remove_folder(const char *path); /* as rmdir() */
/* After a rename within one folder; exchanged: both names were there and still are. */
void power_renamed(int folder, const char *from, const char *to, bool exchanged);
/* Takes back. The process may not touch a file after it. */
void power_cut(enum power_loss loss, unsigned seed);

#endif
