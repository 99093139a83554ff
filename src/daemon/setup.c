/* Configuration, templates and holidays as one set: read and checked whole, swapped whole, and
 * kept.
 *
 * The last accepted set lies in state_dir/accepted: a copy of the configuration file, of the *.conf
 * files beside it, of the templates and of the holidays. A start with a bad file runs on that copy.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/folder.h"
#include "cobi/ical/holidays.h"
#include "daemon.h"

enum { PATH_SIZE = 1024, FILE_BYTES_MAX = 1024 * 1024, REFERENCES_MAX = 256 };

void setup_done(struct setup *setup) {
    config_free(setup->config);
    templates_free(setup->templates);
    free(setup->holidays);
    *setup = (struct setup){0};
}

static int load_holidays(const struct config *config, struct setup *setup,
                         struct complaints *complaints) {
    struct complaint complaint = {0};

    if (!*config->holidays_file) {
        return 0;
    }
    setup->holidays = calloc(1, sizeof *setup->holidays);
    if (!setup->holidays) {
        abort();
    }
    const int r = holidays_load(config->holidays_file, setup->holidays, &complaint);
    if (r < 0) {
        complaints_add(complaints, "%s", complaint.text);
    }
    return r;
}

static int check_zone(const struct config *config, struct complaints *complaints) {
    if (zones_known(config->timezone)) {
        return 0;
    }
    complaints_add(complaints, "%s: timezone: this system has no zone %s; is tzdata installed?",
                   config->file, config->timezone);
    return -EINVAL;
}

/* What the configuration leaves out and systemd or the environment says. */
static int load_rest(struct setup *setup, struct complaints *complaints) {
    const struct config *config = setup->config;
    const int templates = templates_load(config->templates_dir, &setup->templates, complaints);
    const int holidays = load_holidays(config, setup, complaints);
    const int zone = check_zone(config, complaints);

    return templates < 0 ? templates : holidays < 0 ? holidays : zone;
}

int setup_load(const char *config_file, struct setup *ret_setup, struct complaints *complaints) {
    struct setup setup = {0};
    int r = config_load(config_file, &setup.config, complaints);

    if (r == 0) {
        r = load_rest(&setup, complaints);
    }
    if (r < 0) {
        setup_done(&setup);
        return r;
    }
    *ret_setup = setup;
    return 0;
}

/* ---- keeping a copy ---- */

static int path_join(char buffer[PATH_SIZE], const char *folder, const char *name) {
    struct text t;

    text_init(&t, buffer, PATH_SIZE);
    text_addf(&t, "%s/%s", folder, name);
    return t.overflow ? -ENAMETOOLONG : 0;
}

static int read_whole(const char *file, char **ret_bytes, size_t *ret_length) {
    _cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        return -errno;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX) {
        return -EFBIG;
    }
    _cleanup_free_ char *bytes = malloc((size_t)st.st_size + 1);

    if (!bytes) {
        abort();
    }
    const ssize_t length = read(fd, bytes, (size_t)st.st_size);

    if (length != st.st_size) {
        return -EIO;
    }
    bytes[length] = '\0';
    *ret_bytes = take(bytes);
    *ret_length = (size_t)length;
    return 0;
}

static int write_whole(const char *file, const char *bytes, size_t length) {
    char temporary[PATH_SIZE];
    struct text t = TEXT_IN(temporary);

    text_addf(&t, "%s.new", file);
    if (t.overflow) {
        return -ENAMETOOLONG;
    }
    _cleanup_close_ int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                                  0600);

    if (fd < 0) {
        return -errno;
    }
    if (write(fd, bytes, length) != (ssize_t)length || fsync(fd) < 0 ||
        rename(temporary, file) < 0) {
        const int error = errno ? errno : EIO;
        (void)unlink(temporary); /* half a file must not stay */
        return -error;
    }
    return 0;
}

static int copy_file(const char *from, const char *to) {
    _cleanup_free_ char *bytes = NULL;
    size_t length = 0;
    const int r = read_whole(from, &bytes, &length);

    return r < 0 ? r : write_whole(to, bytes, length);
}

static bool ends_with(const char *name, const char *end) {
    const size_t a = strlen(name), b = strlen(end);

    return a > b && strcmp(name + a - b, end) == 0;
}

static int copy_folder(const char *from, const char *to, const char *end) {
    char source[PATH_SIZE], target[PATH_SIZE];
    struct dirent *entry;
    DIR *folder = opendir(from);
    int r = 0;

    if (!folder) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (mkdir(to, 0700) < 0 && errno != EEXIST) {
        r = -errno;
    }
    while (r == 0 && (entry = readdir(folder)) != NULL) {
        if (!ends_with(entry->d_name, end)) {
            continue;
        }
        r = path_join(source, from, entry->d_name);
        r = r < 0 ? r : path_join(target, to, entry->d_name);
        r = r < 0 ? r : copy_file(source, target);
    }
    (void)closedir(folder); /* only read from */
    return r < 0 ? r : folder_sync(to);
}

static int copy_templates(const char *from, const char *to) {
    static const char *const languages[] = {"en", "cy"};
    char source[PATH_SIZE], target[PATH_SIZE];

    if (mkdir(to, 0700) < 0 && errno != EEXIST) {
        return -errno;
    }
    for (size_t i = 0; i < ARRAY_COUNT(languages); i++) {
        int r = path_join(source, from, languages[i]);
        r = r < 0 ? r : path_join(target, to, languages[i]);
        r = r < 0 ? r : copy_folder(source, target, ".txt");
        if (r < 0) {
            return r;
        }
    }
    return folder_sync(to);
}

static int folder_of(const char *file, char buffer[PATH_SIZE]) {
    const char *slash = strrchr(file, '/');
    struct text t;

    text_init(&t, buffer, PATH_SIZE);
    if (slash) {
        text_add_bytes(&t, file, slash == file ? 1 : (size_t)(slash - file));
    } else {
        text_add(&t, ".");
    }
    return t.overflow ? -ENAMETOOLONG : 0;
}

static int write_kept(const struct setup *setup, const char *folder, const char *kept) {
    const struct config *config = setup->config;
    char target[PATH_SIZE];
    int r = copy_folder(folder, kept, ".conf");

    r = r < 0 ? r : path_join(target, kept, "main.conf");
    r = r < 0 ? r : copy_file(config->file, target);
    r = r < 0 ? r : path_join(target, kept, "folder");
    _cleanup_free_ char *absolute = r < 0 ? NULL : realpath(folder, NULL);
    r = r < 0 ? r : absolute ? write_whole(target, absolute, strlen(absolute)) : -errno;
    r = r < 0 ? r : path_join(target, kept, "templates");
    r = r < 0 ? r : copy_templates(config->templates_dir, target);
    if (r == 0 && *config->holidays_file) {
        r = path_join(target, kept, "holidays.ics");
        r = r < 0 ? r : copy_file(config->holidays_file, target);
    }
    return r < 0 ? r : folder_sync(kept);
}

static int load_kept(const char *kept, struct setup *ret_setup, struct complaints *complaints) {
    char file[PATH_SIZE];
    _cleanup_free_ char *folder =
        NULL; /* where the original lay: relative paths in it begin there */
    struct setup setup = {0};
    size_t length = 0;
    int r = path_join(file, kept, "folder");

    r = r < 0 ? r : read_whole(file, &folder, &length);
    r = r < 0 ? r : path_join(file, kept, "main.conf");
    r = r < 0 ? r : config_load_copy(file, folder, &setup.config, complaints);
    if (r == 0) {
        struct text templates = TEXT_IN(setup.config->templates_dir);
        text_addf(&templates, "%s/templates", kept);
        if (*setup.config->holidays_file) {
            struct text holidays = TEXT_IN(setup.config->holidays_file);
            text_addf(&holidays, "%s/holidays.ics", kept);
        }
        r = templates.overflow ? -ENAMETOOLONG : load_rest(&setup, complaints);
    }
    if (r < 0) {
        setup_done(&setup);
        return r;
    }
    *ret_setup = setup;
    return 0;
}

static void remove_kept(const char *kept) {
    static const char *const folders[] = {"templates/en", "templates/cy", "templates", "."};
    char path[PATH_SIZE];

    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        DIR *folder = path_join(path, kept, folders[i]) < 0 ? NULL : opendir(path);
        struct dirent *entry;
        while (folder && (entry = readdir(folder)) != NULL) {
            if (entry->d_name[0] != '.') {
                (void)unlinkat(dirfd(folder), entry->d_name, 0); /* what stays is seen below */
            }
        }
        if (folder) {
            (void)closedir(folder); /* only read from */
        }
        (void)rmdir(i + 1 < ARRAY_COUNT(folders) ? path : kept); /* may not be there */
    }
}

/* The files may have been edited since they were read: only a copy that loads is a copy. */
static int check_kept(const char *kept) {
    _cleanup_free_ struct complaints *complaints = calloc(1, sizeof *complaints);
    struct setup setup = {0};

    if (!complaints) {
        abort();
    }
    const int r = load_kept(kept, &setup, complaints);

    setup_done(&setup);
    return r;
}

/* Where there is no copy yet, or on a file system that cannot exchange two names. */
static int replace_kept(const char *fresh, const char *kept) {
    remove_kept(kept);
    return rename(fresh, kept) < 0 ? -errno : folder_sync_above(kept);
}

/* The new copy takes the place of the old one as a whole, or not at all; the old one goes when the
 * new one is sure to stay. */
static int exchange_kept(const char *fresh, const char *kept) {
    if (renameat2(AT_FDCWD, fresh, AT_FDCWD, kept, RENAME_EXCHANGE) < 0) {
        return errno == ENOENT || errno == EINVAL || errno == ENOSYS ? replace_kept(fresh, kept)
                                                                     : -errno;
    }
    const int r = folder_sync_above(kept);

    if (r < 0) {
        (void)renameat2(AT_FDCWD, fresh, AT_FDCWD, kept, RENAME_EXCHANGE); /* as it was */
        return r;
    }
    remove_kept(fresh);
    return 0;
}

int setup_keep(const struct setup *setup) {
    const struct config *config = setup->config;
    char kept[PATH_SIZE], fresh[PATH_SIZE], folder[PATH_SIZE];
    int r = path_join(kept, config->state_dir, "accepted");

    r = r < 0 ? r : path_join(fresh, config->state_dir, "accepted.new");
    r = r < 0 ? r : folder_of(config->file, folder);
    if (r < 0 || strcmp(folder, kept) == 0) {
        return r; /* or running on the copy itself */
    }
    remove_kept(fresh);
    r = write_kept(setup, folder, fresh);
    r = r < 0 ? r : check_kept(fresh);
    r = r < 0 ? r : exchange_kept(fresh, kept);
    if (r < 0) {
        remove_kept(fresh);
    }
    return r;
}

int setup_load_kept(const char *state_dir, struct setup *ret_setup, struct complaints *complaints) {
    char kept[PATH_SIZE];
    const int r = path_join(kept, state_dir, "accepted");

    return r < 0 ? r : load_kept(kept, ret_setup, complaints);
}

/* ---- reload ---- */

/* Programmes, codes and zones that rows refer to may not be dropped. */
static int check_use(struct daemon *d, const struct config *config, struct complaints *complaints) {
    const char *programmes[REFERENCES_MAX], *codes[REFERENCES_MAX];
    struct config_use use = {.programmes = programmes, .codes = codes};
    const struct config *old = d->setup.config;
    const size_t before = complaints->count;

    for (uint32_t i = 0; i < old->programme_count; i++) {
        const int used = engine_uses_programme(d->engine, old->programmes[i].id);
        if (used < 0) {
            return used;
        }
        if (used) {
            programmes[use.programme_count++] = old->programmes[i].id;
        }
    }
    for (uint32_t i = 0; i < old->outcomes.count; i++) {
        const int used = engine_uses_outcome(d->engine, old->outcomes.codes[i].code);
        if (used < 0) {
            return used;
        }
        if (used) {
            codes[use.code_count++] = old->outcomes.codes[i].code;
        }
    }
    config_check_use(config, &use, complaints);
    config_check_restart(old, config, complaints);
    return complaints->count > before ? -EINVAL : 0;
}

int setup_check_people(struct daemon *d, const struct config *config,
                       struct complaints *complaints) {
    const size_t before = complaints->count;
    const int r = engine_check_people(d->engine, config, complaints);

    if (r < 0) {
        complaints_add(complaints, "the people in the database cannot be looked at: %s",
                       strerror(-r));
    }
    return complaints->count > before ? -EINVAL : 0;
}

struct transport_setup setup_transport(const struct config *config) {
    const char *at = strrchr(config->sender.email, '@');

    return (struct transport_setup){.gateways = config->gateways,
                                    .gateway_count = config->gateway_count,
                                    .state_dir = config->state_dir,
                                    .credentials_dir = config->credentials_dir,
                                    .mail_host = at ? at + 1 : "localhost"};
}

static const char *first_fault(const struct complaints *complaints) {
    for (size_t i = 0; i < complaints->count && i < COMPLAINTS_MAX; i++) {
        if (!strstr(complaints->list[i].text, ": warning: ")) {
            return complaints->list[i].text;
        }
    }
    return "it cannot be read";
}

/* The system's zone data may be newer than those read before; where they cannot be read the old
 * ones stay. */
static void take_zones(struct daemon *d) {
    struct zones *fresh = NULL;
    struct zones *old = zones_open(&fresh) < 0 ? NULL : d->zones;

    d->zones = old ? fresh : d->zones;
    const struct engine_setup setup = {d->setup.config, d->setup.templates, d->setup.holidays,
                                       d->zones};

    engine_set_setup(d->engine, &setup);
    zones_free(old);
    if (engine_follow_zones(d->engine) < 0) {
        log_warning("sessions could not follow the system's zone data; the next start tries again");
    }
}

int setup_reload(struct daemon *d, struct complaints *complaints) {
    struct setup fresh = {0};
    struct complaint complaint = {0};
    int r = setup_load(d->config_file, &fresh, complaints);

    r = r < 0 ? r : check_use(d, fresh.config, complaints);
    r = r < 0 ? r : setup_check_people(d, fresh.config, complaints);
    if (r == 0) {
        const struct transport_setup transport = setup_transport(fresh.config);
        r = transport_reload(d->transport, &transport, &complaint);
        if (r < 0) {
            complaints_add(complaints, "%s: %s", d->config_file, complaint.text);
        }
    }
    if (r < 0) {
        setup_done(&fresh);
        struct text t = TEXT_IN(d->stale_reason);
        text_addf(&t, "the configuration on disk is refused, still running generation %u: %s",
                  d->generation, first_fault(complaints));
        return r;
    }
    struct setup old = d->setup;
    d->setup = fresh;
    take_zones(d);
    web_set_config(d->web, fresh.config);
    setup_done(&old);
    d->generation++;
    d->stale_reason[0] = '\0';
    if (setup_keep(&d->setup) < 0) {
        log_warning("the accepted configuration could not be kept in state_dir");
    }
    return 0;
}
