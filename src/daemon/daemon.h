/* The daemon: the engine's world on one sd-event loop. Private to this room. */
#ifndef COBI_DAEMON_DAEMON_H
#define COBI_DAEMON_DAEMON_H

#include <systemd/sd-event.h>

#include "cobi/transport/transport.h"
#include "cobi/web/web.h"

/* Answers that may wait to be settled together, or for a locked or full store; beyond it the
 * process ends and the next start settles them. */
enum { DELIVERIES_MAX = 256 };

/* Configuration, templates and holidays that were read and checked together; replaced as a whole.
 */
struct setup {
    struct config *config;
    struct templates *templates;
    struct holidays *holidays; /* NULL: no file configured */
};
struct daemon {
    const char *config_file;
    struct setup setup;
    struct zones *zones;
    struct store *store;
    struct engine *engine;
    struct transport *transport;
    struct web *web;
    struct web_server *server;
    sd_event *loop;
    sd_event_source *tick_source; /* more is due at once */
    sd_event_source *wake_source; /* the timerfd */
    sd_event_source *audit_source, *retry_source,
        *gather_source; /* real time, also under a manual clock */
    int wake_fd;
    struct instant wake;        /* what the engine asked for */
    struct audit_report report; /* of the last self-audit */
    char stale_reason[400];  /* the configuration on disk is not the one in force; "" when it is */
    char store_trouble[100]; /* "" when the store works */
    char disk_trouble[100];  /* "" while there is room for it to grow */
    bool disk_alarm;         /* the operator is still to be told of it */
    uint32_t generation;     /* of the setup: +1 with each reload that was taken */
    struct delivery answers[DELIVERIES_MAX]; /* not settled yet */
    size_t answer_count;
    bool audited;
    struct instant synchronised; /* when the system last said so, as of the last self-audit */
    bool vouched;                /* it said so since; the engine is still to be told */
    /* Manual clock. */
    bool manual;
    struct instant manual_now, manual_target;
    int exit_code;
};

enum { EXIT_STORE = 75 }; /* the store failed: another start may help */

/* setup.c: reading, and the last accepted set. Complaints say why not. */
_must_use_ int setup_load(const char *config_file, struct setup *ret_setup,
                          struct complaints *complaints);
void setup_done(struct setup *setup);
/* Would each chain of that configuration find its people in the database? Else a line each. */
_must_use_ int setup_check_people(struct daemon *d, const struct config *config,
                                  struct complaints *complaints);
/* What the transport works by; borrows from config. */
struct transport_setup setup_transport(const struct config *config);
/* Keeps a copy of everything the setup was read from under state_dir/accepted. */
_must_use_ int setup_keep(const struct setup *setup);
/* The copy kept last under that folder. */
_must_use_ int setup_load_kept(const char *state_dir, struct setup *ret_setup,
                               struct complaints *complaints);
/* Takes the setup on disk if it is good and drops nothing in use; else says why and changes
 * nothing. */
_must_use_ int setup_reload(struct daemon *d, struct complaints *complaints);

/* reserve.c: room beside the database, given up when the disk is full. */
#define RESERVE_BYTES ((int64_t)4 * 1024 * 1024)
/* 0: it is there. */
_must_use_ int reserve_keep(const char *state_dir);
/* Was there one? */
bool reserve_give_up(const char *state_dir);

/* clock.c */
struct instant clock_now(const struct daemon *d);
/* The time since the system was started, suspend included, whatever its clock is set to. */
struct mono clock_elapsed(void *daemon);
/* Has the system synchronised its clock since the last self-audit? Asked with each of them. */
bool clock_synchronised(struct daemon *d);
_must_use_ int clock_open(struct daemon *d, struct complaint *complaint);
/* Arms the wake-up for d->wake. */
void clock_arm(struct daemon *d);
/* One step of an advance: to the next wake-up or to the target. Returns true while there is more to
 * do. */
bool clock_step(struct daemon *d);
json_t *clock_to_json(const struct daemon *d);

/* host.c: commands that the process answers itself. */
int host_command(void *user, const struct command *command, const struct actor *actor,
                 json_t *arguments, json_t **ret_reply);
bool host_healthy(void *user);

/* notice.c: for systemd and the dead-man. */
void notice_status(const struct daemon *d);
/* Why the process ends: what `systemctl status` shows until it is ready again. */
void notice_end(const char *why);
/* How often to audit: each minute, or three times in a watchdog's time that is shorter. */
uint64_t notice_every_us(void);
/* After a self-audit that could read the store. */
void notice_audit(struct daemon *d);
/* How much room is left; takes back the reserve when there is enough. */
void notice_disk(struct daemon *d);

/* loop.c */
_must_use_ int loop_open(struct daemon *d, struct complaint *complaint);
int loop_run(struct daemon *d);
void loop_close(struct daemon *d);
/* The disk is full, and the reserve was given up for it. */
void loop_note_full(struct daemon *d);
/* Something may be due: look at it in this pass of the loop. */
void loop_poke(struct daemon *d);

#endif
