/* fuzz_texts: any file may stand where a template stood. It is refused in clean lines, or it is a
 * template like those we ship: what it says to a participant stays neutral, within its parts and
 * without a link, with the longest values too. The first byte picks the file, the second the
 * language; the rest is the file. */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cobi/base/gsm.h"
#include "cobi/base/text.h"
#include "cobi/template/template.h"

#define FILES_MAX 64
#define PATH_SIZE 512

/* A folder like templates/, of links to what is there but for the one file that is tried. */
static struct {
    char folder[64], source[PATH_SIZE];
    char *names[FILES_MAX];
    size_t count;
} place;

static void path_to(char path[PATH_SIZE], const char *folder, const char *language,
                    const char *name) {
    struct text t;

    text_init(&t, path, PATH_SIZE);
    text_addf(&t, "%s/%s/%s", folder, language, name);
    FUZZ_CHECK(!t.overflow);
}

static void put_link(const char *name) {
    char from[PATH_SIZE], to[PATH_SIZE];

    path_to(from, place.source, "en", name);
    path_to(to, place.folder, "en", name);
    FUZZ_CHECK(symlink(from, to) == 0);
}

static void leave(void) {
    char path[PATH_SIZE];

    for (size_t i = 0; i < place.count; i++) {
        path_to(path, place.folder, "en", place.names[i]);
        (void)unlink(path);
        path_to(path, place.folder, "cy", place.names[i]);
        (void)unlink(path);
        free(place.names[i]);
    }
    path_to(path, place.folder, "en", "");
    (void)rmdir(path);
    path_to(path, place.folder, "cy", "");
    (void)rmdir(path);
    (void)rmdir(place.folder);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void enter(void) {
    const char *top = getenv("top_srcdir");
    char path[PATH_SIZE], *real;
    struct text t;
    DIR *folder;

    if (place.count > 0) {
        return;
    }
    path_to(path, top == NULL ? "." : top, "templates", "");
    real = realpath(path, NULL);
    FUZZ_CHECK(real != NULL && text_copy(place.source, sizeof(place.source), real) == 0);
    free(real);
    text_init(&t, place.folder, sizeof(place.folder));
    text_addf(&t, "%s/cobid-fuzz-texts-XXXXXX", fuzz_folder());
    FUZZ_CHECK(mkdtemp(place.folder) != NULL && atexit(leave) == 0);
    path_to(path, place.folder, "cy", "");
    FUZZ_CHECK(mkdir(path, 0700) == 0);
    path_to(path, place.folder, "en", "");
    FUZZ_CHECK(mkdir(path, 0700) == 0);
    path_to(path, place.source, "en", "");
    folder = opendir(path);
    FUZZ_CHECK(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL && place.count < FILES_MAX;) {
        if (entry->d_name[0] != '.') {
            place.names[place.count] = strdup(entry->d_name);
            put_link(place.names[place.count++]);
        }
    }
    (void)closedir(folder);
    qsort(place.names, place.count, sizeof(place.names[0]), by_name);
}

static void check_sample(const char *name, const char *sample) {
    struct gsm_size size;
    bool participant = strstr(name, "/reminder.") != NULL || strstr(name, "/change.") != NULL ||
                       strstr(name, "/cancellation.") != NULL;

    FUZZ_CHECK(sample != NULL && utf8_valid(sample, strlen(sample)));
    if (participant) {
        FUZZ_CHECK(disclose_find_word(sample, NULL) == -1 && strstr(sample, "://") == NULL);
    }
    if (participant && strstr(name, ".sms") != NULL) {
        FUZZ_CHECK(gsm_measure(sample, &size) == 0 && size.parts <= 3);
    }
}

static void check(const struct templates *templates) {
    struct arena arena = {0};
    struct template_label label;

    for (size_t i = 0; template_label(templates, i, &label) == 0; i++) {
        check_sample(label.name, template_sample(templates, label.name, &arena));
    }
    arena_done(&arena);
}

static void check_complaints(const struct complaints *complaints) {
    FUZZ_CHECK(complaints->count > 0);
    for (size_t i = 0; i < complaints->count && i < COMPLAINTS_MAX; i++) {
        const char *line = complaints->list[i].text;

        FUZZ_CHECK(text_check(line, strlen(line), COMPLAINT_SIZE) == TEXT_FINE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct complaints complaints;
    struct templates *templates = NULL;
    const char *name, *language;
    char path[PATH_SIZE];
    int fd;

    if (size < 2) {
        return 0;
    }
    enter();
    name = place.names[data[0] % place.count];
    language = data[1] & 1 ? "cy" : "en";
    path_to(path, place.folder, language, name);
    (void)unlink(path); /* in Welsh there is none */
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FUZZ_CHECK(fd >= 0 && write(fd, data + 2, size - 2) == (ssize_t)(size - 2) && close(fd) == 0);
    complaints.count = 0;
    if (templates_load(place.folder, &templates, &complaints) == 0) {
        check(templates);
        templates_free(templates);
    } else {
        FUZZ_CHECK(templates == NULL);
        check_complaints(&complaints);
    }
    FUZZ_CHECK(unlink(path) == 0);
    if (strcmp(language, "en") == 0) {
        put_link(name);
    }
    return 0;
}
