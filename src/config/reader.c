/* Opens a configuration file with libconfig and says where things stand in it.
 *
 * Before libconfig sees them, the file and everything it includes are looked at as bytes: libconfig
 * stops at a NUL and takes any bytes for text. Its own complaint is about the first syntax error
 * only, because nothing after that can be trusted. It must never follow more than READER_FILES_MAX
 * files or read one larger than READER_FILE_BYTES_MAX. */
#include "reader.h"

#include "cobi/base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The files of one configuration, in the order in which they are found. */
struct file_list {
    size_t count, absolute_count;
    char paths[READER_FILES_MAX][CONFIG_PATH_SIZE];
};

static void fault_in_file(struct reader *reader, const char *file, size_t line, const char *text) {
    complaints_add(reader->complaints, "%s:%zu: %s", file, line, text);
    reader->fault_count++;
}

/* The length of the folder's name, slash included, at the beginning of what to put before a file's
 * name: libconfig gives the names of included files as they are written. */
static size_t shown_folder(const struct reader *reader, const char *file) {
    const char *slash = strrchr(reader->file, '/');
    bool included = file[0] != '/' && strcmp(file, reader->file) != 0;
    return included && slash != NULL ? (size_t)(slash - reader->file) + 1 : 0;
}

/* Reads a whole regular file. Returns 0 or a negative errno. */
static int load_bytes(const char *path, char **ret_bytes, size_t *ret_length) {
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) {
        return -errno;
    }
    if (!S_ISREG(status.st_mode)) {
        return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    }
    if (status.st_size > READER_FILE_BYTES_MAX) {
        return -EFBIG;
    }
    _cleanup_free_ char *bytes = calloc((size_t)status.st_size + 1, 1);
    if (bytes == NULL) {
        return -ENOMEM;
    }
    size_t length = 0;
    while (length < (size_t)status.st_size) {
        ssize_t got = read(fd, bytes + length, (size_t)status.st_size - length);
        if (got < 0) {
            return -errno;
        }
        if (got == 0) {
            break;
        }
        length += (size_t)got;
    }
    *ret_bytes = take(bytes);
    *ret_length = length;
    return 0;
}

static const char *line_fault(const char *line, size_t length) {
    if (memchr(line, '\0', length) != NULL || memmem(line, length, "\\x00", 4) != NULL) {
        return "holds a NUL";
    }
    if (!utf8_valid(line, length)) {
        return "is not valid UTF-8";
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)line[i];
        if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f) {
            return "holds a control character";
        }
    }
    return NULL;
}

/* Notes the file of a line such as @include "programmes.conf". */
static void note_include(struct reader *reader, const char *line, size_t length,
                         struct file_list *files) {
    static const char word[] = "@include";
    const char *end = line + length;
    while (line < end && (*line == ' ' || *line == '\t')) {
        line++;
    }
    if ((size_t)(end - line) < strlen(word) || strncmp(line, word, strlen(word)) != 0) {
        return;
    }
    const char *open = memchr(line, '"', (size_t)(end - line));
    const char *close = open == NULL ? NULL : memchr(open + 1, '"', (size_t)(end - open - 1));
    if (close == NULL || files->count == READER_FILES_MAX) {
        return;
    }
    bool absolute = open[1] == '/';
    struct text path;
    text_init(&path, files->paths[files->count], CONFIG_PATH_SIZE);
    text_addf(&path, "%s%s%.*s", absolute ? "" : reader->folder, absolute ? "" : "/",
              (int)(close - open - 1), open + 1);
    files->count += !path.overflow;
    files->absolute_count += !path.overflow && absolute;
}

/* Walks over the text outside strings and comments. libconfig reads a number that does not fit 32
 * bits as another number, so a run of digits that could be one is refused. */
enum lexeme { LEXEME_PLAIN, LEXEME_STRING, LEXEME_LINE_COMMENT, LEXEME_BLOCK_COMMENT };
#define NUMBER_LENGTH_MAX 9
static bool word_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-';
}

/* Steps over one lexeme's beginning or end, or one character; returns the number of bytes and the
 * state after them. */
static size_t lexeme_step(const char *at, enum lexeme *state) {
    switch (*state) {
    case LEXEME_STRING:
        *state = *at == '"' ? LEXEME_PLAIN : LEXEME_STRING;
        return *at == '\\' && at[1] != '\0' ? 2 : 1;
    case LEXEME_LINE_COMMENT:
        *state = *at == '\n' ? LEXEME_PLAIN : LEXEME_LINE_COMMENT;
        return 1;
    case LEXEME_BLOCK_COMMENT:
        if (at[0] == '*' && at[1] == '/') {
            *state = LEXEME_PLAIN;
            return 2;
        }
        return 1;
    case LEXEME_PLAIN:
        break;
    }
    if (*at == '"') {
        *state = LEXEME_STRING;
    } else if (*at == '#' || (at[0] == '/' && at[1] == '/')) {
        *state = LEXEME_LINE_COMMENT;
    } else if (at[0] == '/' && at[1] == '*') {
        *state = LEXEME_BLOCK_COMMENT;
        return 2;
    }
    return 1;
}

/* bytes ends in a NUL. */
static void look_for_large_numbers(struct reader *reader, const char *bytes, const char *shown) {
    enum lexeme state = LEXEME_PLAIN;
    size_t line = 1, length;
    for (const char *at = bytes; *at != '\0'; at += length) {
        length = 1;
        if (state == LEXEME_PLAIN && word_character(*at)) {
            while (word_character(at[length])) {
                length++;
            }
            bool number = *at >= '0' && *at <= '9';
            number = number || (*at == '-' && at[1] >= '0' && at[1] <= '9');
            if (number && length > NUMBER_LENGTH_MAX) {
                fault_in_file(reader, shown, line, "holds a number that is too large");
            }
            continue;
        }
        line += *at == '\n';
        length = lexeme_step(at, &state);
    }
}

/* Looks at the bytes of one file. Returns 0 or a negative errno when it cannot be read. */
static int look_at_file(struct reader *reader, const char *path, const char *shown,
                        struct file_list *files) {
    _cleanup_free_ char *bytes = NULL;
    size_t length = 0, line = 1;
    int error = load_bytes(path, &bytes, &length);
    if (error < 0) {
        return error;
    }
    for (size_t at = 0; at < length; line++) {
        const char *newline = memchr(bytes + at, '\n', length - at);
        size_t line_length = newline == NULL ? length - at : (size_t)(newline - bytes) - at;
        const char *fault = line_fault(bytes + at, line_length);
        if (fault != NULL) {
            fault_in_file(reader, shown, line, fault);
        }
        note_include(reader, bytes + at, line_length, files);
        at += line_length + 1;
    }
    assert(bytes != NULL);
    look_for_large_numbers(reader, bytes, shown);
    return 0;
}

/* Looks at every file of the configuration. An included one that cannot be read is left for
 * libconfig to complain about. */
static int look_at_files(struct reader *reader) {
    struct file_list files = {0};
    int error = look_at_file(reader, reader->file, reader->file, &files);
    if (error < 0) {
        char text[64];
        fault_in_file(reader, reader->file, 1,
                      error == -EFBIG ? "is larger than a configuration can be"
                                      : strerror_r(-error, text, sizeof text));
        return error;
    }
    for (size_t i = 0; i < files.count; i++) {
        (void)look_at_file(reader, files.paths[i], files.paths[i], &files); /* libconfig says why */
    }
    if (files.absolute_count > 0 && files.absolute_count < files.count) {
        fault_in_file(reader, reader->file, 1, "includes must all be relative or all be absolute");
    }
    /* libconfig puts the folder before an absolute path too. */
    config_set_include_dir(&reader->tree, files.absolute_count > 0 ? "" : reader->folder);
    return reader->fault_count > 0 ? -EINVAL : 0;
}

/* The absolute folder of the file. */
static int find_folder(struct reader *reader) {
    char path[PATH_MAX];
    if (realpath(reader->file, path) == NULL) {
        int error = -errno;
        complaints_add(reader->complaints, "%s:1: %s", reader->file, strerror(-error));
        return error;
    }
    char *slash = strrchr(path, '/');
    *(slash == path ? slash + 1 : slash) = '\0';
    if (text_copy(reader->folder, sizeof reader->folder, path) < 0) {
        complaints_add(reader->complaints, "%s:1: its folder's name is too long", reader->file);
        return -ENAMETOOLONG;
    }
    return 0;
}

int reader_open(struct reader *reader, const char *file, struct config *config,
                struct complaints *complaints) {
    *reader = (struct reader){.file = file, .config = config, .complaints = complaints};
    config_init(&reader->tree);
    int error = find_folder(reader);
    if (error < 0) {
        return error;
    }
    error = look_at_files(reader);
    if (error < 0) {
        return error;
    }
    if (config_read_file(&reader->tree, file) != CONFIG_TRUE) {
        const char *where = config_error_file(&reader->tree),
                   *text = config_error_text(&reader->tree);
        int line = config_error_line(&reader->tree);
        where = where == NULL ? file : where;
        complaints_add(complaints, "%.*s%s:%d: %s", (int)shown_folder(reader, where), file, where,
                       line < 1 ? 1 : line, text == NULL ? "cannot be read" : text);
        return -EINVAL;
    }
    return 0;
}

void reader_close(struct reader *reader) {
    config_destroy(&reader->tree);
}

static const config_setting_t *look_up(const struct reader *reader, const char *format,
                                       va_list arguments) __attribute__((format(printf, 2, 0)));
const config_setting_t *reader_member(const config_setting_t *group, const char *name) {
    return config_setting_is_group(group) && config_setting_length(group) > 0
               ? config_setting_get_member(group, name)
               : NULL;
}

/* The setting that one part of a path names: "url", "[2]". */
static const config_setting_t *step_down(const config_setting_t *from, const char *part) {
    if (part[0] != '[') {
        return reader_member(from, part);
    }
    unsigned index = (unsigned)strtoul(part + 1, NULL, 10);
    bool there = config_setting_is_aggregate(from) && (unsigned)config_setting_length(from) > index;
    return there ? config_setting_get_elem(from, index) : NULL;
}

/* The setting at the path or the nearest one around it; *ret_exact says which. config_lookup() is
 * not for this: it falls over empty groups. */
static const config_setting_t *find(const struct reader *reader, char *path, bool *ret_exact) {
    const config_setting_t *found = config_root_setting(&reader->tree);
    for (char *part = path, *next; part != NULL; part = next) {
        next = strchr(part, '.');
        if (next != NULL) {
            *next++ = '\0';
        }
        const config_setting_t *inner = step_down(found, part);
        if (inner == NULL) {
            *ret_exact = false;
            return found;
        }
        found = inner;
    }
    *ret_exact = true;
    return found;
}

static const config_setting_t *look_up(const struct reader *reader, const char *format,
                                       va_list arguments) {
    char path[128];
    bool exact;
    (void)vsnprintf(path, sizeof path, format, arguments); /* our own short names */
    return find(reader, path, &exact);
}

const config_setting_t *reader_at(const struct reader *reader, const char *path, ...) {
    va_list arguments;
    va_start(arguments, path);
    const config_setting_t *found = look_up(reader, path, arguments);
    va_end(arguments);
    return found;
}

bool reader_given(const struct reader *reader, const char *path, ...) {
    char text[128];
    bool exact;
    va_list arguments;
    va_start(arguments, path);
    (void)vsnprintf(text, sizeof text, path, arguments); /* our own short names */
    va_end(arguments);
    (void)find(reader, text, &exact); /* only whether it is there */
    return exact;
}

static void place(const struct reader *reader, const config_setting_t *at, struct text *line) {
    at = at == NULL ? config_root_setting(&reader->tree) : at;
    const char *file = config_setting_source_file(at);
    unsigned number = config_setting_source_line(at);
    file = file == NULL ? reader->file : file;
    text_addf(line, "%.*s%s:%u: ", (int)shown_folder(reader, file), reader->file, file,
              number == 0 ? 1 : number);
}

void reader_fault(struct reader *reader, const config_setting_t *at, const char *format, ...) {
    char text[COMPLAINT_SIZE], where[CONFIG_PATH_SIZE * 2];
    struct text line = TEXT_IN(where);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments); /* what does not fit is cut */
    va_end(arguments);
    place(reader, at, &line);
    complaints_add(reader->complaints, "%s%s", where, text);
    reader->fault_count++;
}

void reader_warn(struct reader *reader, const config_setting_t *at, const char *format, ...) {
    char text[COMPLAINT_SIZE], where[CONFIG_PATH_SIZE * 2];
    struct text line = TEXT_IN(where);
    va_list arguments;
    if (reader->warning_count == READER_WARNINGS_MAX) {
        return; /* enough to read */
    }
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments); /* what does not fit is cut */
    va_end(arguments);
    place(reader, at, &line);
    (void)complain(&reader->warnings[reader->warning_count++], 0, "%swarning: %s", where, text);
}

void reader_tell_warnings(struct reader *reader) {
    for (size_t i = 0; i < reader->warning_count; i++) {
        complaints_add(reader->complaints, "%s", reader->warnings[i].text);
    }
}
