/* cobid: reads its arguments, its configuration and its database, then runs until it is told to
 * stop.
 *
 * A start with a bad configuration runs on the last accepted one, health red; without one it is
 * refused. Exit: 0 stopped as told, 1 refused or failed, 2 usage, 75 the store failed (systemd
 * starts it again). */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/log.h"
#include "daemon.h"

#define COBI_STATE_DIR "/var/lib/cobid" /* where systemd puts it too */

enum { LARGE_BYTES = 32 * 1024 };

static const char usage[] =
    "usage: cobid [-c FILE] [--check] [--version] [--help]\n"
    "  -c, --config FILE   configuration (" COBI_CONFIG_FILE ")\n"
    "  --check             check configuration and templates, print every fault, exit 0 or 1\n"
    "  --version           print the version\n"
    "See cobid(8), cobid.conf(5) and cobictl(1).\n";

struct arguments {
    const char *config_file;
    bool check;
    int exit_code; /* negative: go on */
};

static struct arguments read_arguments(int argc, char **argv) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"check", no_argument, NULL, 'k'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct arguments a = {COBI_CONFIG_FILE, false, -1};
    int option;

    while (a.exit_code < 0 && (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            a.config_file = optarg;
            break;
        case 'k':
            a.check = true;
            break;
        case 'v':
            (void)puts("cobid " COBI_VERSION);
            a.exit_code = 0;
            break;
        case 'h':
            (void)fputs(usage, stdout);
            a.exit_code = 0;
            break;
        default:
            (void)fputs(usage, stderr); /* getopt has said what was wrong */
            a.exit_code = 2;
        }
    }
    if (a.exit_code < 0 && optind < argc) {
        (void)fprintf(stderr, "cobid: unexpected argument; see cobid --help\n");
        a.exit_code = 2;
    }
    return a;
}

static void print_complaints(const struct complaints *complaints) {
    for (size_t i = 0; i < complaints->count && i < COMPLAINTS_MAX; i++) {
        (void)fprintf(stderr, "%s\n", complaints->list[i].text);
    }
}

static int check(const char *config_file) {
    _cleanup_free_ struct complaints *complaints = calloc(1, sizeof *complaints);
    struct setup setup = {0};

    if (!complaints) {
        abort();
    }
    const int r = setup_load(config_file, &setup, complaints);

    print_complaints(complaints);
    setup_done(&setup);
    return r < 0 ? 1 : 0;
}

/* The last accepted configuration lies where the one on disk says, if that can be read at all (its
 * templates may be what is wrong); else where systemd or the build says. */
static int load_kept(struct daemon *d, struct complaints *complaints) {
    const char *state_dir = getenv("STATE_DIRECTORY");
    struct config *config = NULL;

    complaints->count = 0;
    if (config_load(d->config_file, &config, complaints) == 0) {
        const int r = setup_load_kept(config->state_dir, &d->setup, complaints);
        config_free(config);
        return r;
    }
    complaints->count = 0;
    return setup_load_kept(state_dir && *state_dir ? state_dir : COBI_STATE_DIR, &d->setup,
                           complaints);
}

static int read_setup(struct daemon *d) {
    _cleanup_free_ struct complaints *complaints = calloc(1, sizeof *complaints);

    if (!complaints) {
        abort();
    }
    int r = setup_load(d->config_file, &d->setup, complaints);
    if (r == 0) {
        return 0;
    }
    print_complaints(complaints);
    struct text t = TEXT_IN(d->stale_reason);
    text_addf(&t, "the configuration on disk is refused; see `cobid --check`");
    r = load_kept(d, complaints);
    if (r < 0) {
        log_error("%s: refused, and there is no earlier accepted configuration; not started",
                  d->config_file);
        return r;
    }
    log_error("%s: refused; running on the last accepted configuration", d->config_file);
    return 0;
}

/* SQLite says so in several ways, some of which mean anything. */
static bool disk_full(const char *folder) {
    enum { NEEDED_BYTES = 256 * 1024 };
    struct statvfs st;

    return statvfs(folder, &st) == 0 && (uint64_t)st.f_bavail * st.f_frsize < NEEDED_BYTES;
}

/* As the system makes it of one that failed. */
static bool only_read(const char *folder) {
    struct statvfs st;

    return statvfs(folder, &st) == 0 && (st.f_flag & ST_RDONLY);
}

static int open_store(struct daemon *d, struct complaint *complaint) {
    const struct config *config = d->setup.config;
    char file[2 * CONFIG_PATH_SIZE], key_file[2 * CONFIG_PATH_SIZE];
    unsigned char key[STORE_KEY_BYTES];
    struct text t = TEXT_IN(file), k = TEXT_IN(key_file);

    if (mkdir(config->state_dir, 0700) < 0 && errno != EEXIST) {
        return complain(complaint, -errno, "%s: cannot be made: %s", config->state_dir,
                        strerror(errno));
    }
    text_addf(&t, "%s/cobid.db", config->state_dir);
    if (*config->key_credential) {
        text_addf(&k, "%s/%s", config->credentials_dir, config->key_credential);
    } else {
        text_addf(&k, "%s/key", config->state_dir);
    }
    if (t.overflow || k.overflow) {
        return complain(complaint, -ENAMETOOLONG, "state_dir or credentials_dir is too long");
    }
    int r = store_key_load(key_file, !*config->key_credential, key, complaint);

    if (r < 0) {
        return r;
    }
    r = store_open(file, key, &d->store, complaint);
    if (r < 0 && disk_full(config->state_dir) && reserve_give_up(config->state_dir)) {
        loop_note_full(d);
        complaint->text[0] = '\0';
        r = store_open(file, key, &d->store, complaint);
    }
    return r;
}

/* People or the configuration were changed where nobody looked. It starts all the same: most chains
 * are whole, and a person learns which is not. */
static void look_for_dead_ends(struct daemon *d) {
    _cleanup_free_ struct complaints *complaints = calloc(1, sizeof *complaints);

    if (!complaints) {
        abort();
    }
    if (setup_check_people(d, d->setup.config, complaints) == 0) {
        return;
    }
    print_complaints(complaints);
    if (engine_alarm(d->engine, "dead_end",
                     "There are dead ends in the chains of escalation: a missed session might "
                     "reach too few people. Whose: `cobictl config check`.") < 0) {
        log_error("the operator could not be told of the dead ends");
    }
}

static int start(struct daemon *d, struct complaint *complaint) {
    int r = zones_open(&d->zones);

    if (r < 0) {
        return complain(complaint, r, "this system has no time zone data: install tzdata");
    }
    r = read_setup(d);
    if (r < 0) {
        return complain(complaint, r, "%s: refused", d->config_file);
    }
    r = open_store(d, complaint);
    if (r == 0 && !*d->stale_reason && setup_keep(&d->setup) < 0) {
        log_warning("the accepted configuration could not be kept in state_dir");
    }
    r = r < 0 ? r : loop_open(d, complaint);
    if (r == 0) {
        look_for_dead_ends(d);
    }
    return r;
}

/* One line on standard error and in the status, which systemd shows until the next start; 75 where
 * time may help. */
static void report_failure(struct daemon *d, const char *why) {
    const struct config *config = d->setup.config;
    const char *trouble = !config ? NULL
                          : disk_full(config->state_dir)
                              ? "the disk of state_dir is full, make room"
                          : only_read(config->state_dir)
                              ? "the file system of state_dir is read-only"
                              : NULL;

    log_error("%s%s%s", trouble ? trouble : "", trouble ? ": " : "", why);
    notice_end(trouble ? trouble : why);
    d->exit_code = trouble ? EXIT_STORE : 1;
}

int main(int argc, char **argv) {
    const struct arguments arguments = read_arguments(argc, argv);
    struct daemon d = {.config_file = arguments.config_file, .wake_fd = -1, .generation = 1};
    struct complaint complaint = {0};

    if (arguments.exit_code >= 0) {
        return arguments.exit_code;
    }
    if (arguments.check) {
        return check(arguments.config_file);
    }
    /* What lives long and is large, such as a feed that was built, gets pages of its own: among
     * small pieces it would keep the memory of every feed that was ever built (the C library raises
     * this limit by itself). Where it cannot be set, only memory is at stake. */
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    (void)signal(SIGPIPE, SIG_IGN); /* writes report EPIPE instead */
    (void)signal(SIGXFSZ, SIG_IGN); /* writes report EFBIG instead */
    const int r = start(&d, &complaint);

    if (r < 0) {
        report_failure(&d, *complaint.text ? complaint.text : strerror(-r));
    } else {
        d.exit_code = loop_run(&d);
    }
    loop_close(&d);
    store_close(d.store);
    setup_done(&d.setup);
    zones_free(d.zones);
    return d.exit_code;
}
