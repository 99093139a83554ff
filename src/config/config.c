/* Fills a new struct config from a file, by the table of options, and has all of it checked.
 *
 * config_load() reports every fault it can see and hands the new configuration out only when there
 * was none, so that a bad edit never replaces a good set. Options that are not given have the
 * defaults of the table, a few of them from systemd's environment. It must never take over half of
 * a file. */
#include "check.h"

#include "cobi/base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void cleanup_config(struct config **config) {
    config_free(*config);
}

static void cleanup_reader(struct reader **reader) {
    if (*reader != NULL) {
        reader_close(*reader);
        free(*reader);
    }
}

/* ---- One option -------------------------------------------------------------------------------
 */

/* The value of a scalar setting. Returns false for groups, lists and numbers that are not whole. */
static bool read_input(const config_setting_t *setting, size_t index,
                       struct option_input *ret_input) {
    struct option_input input = {.index = index};
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_STRING:
        input.kind = INPUT_TEXT;
        input.text = config_setting_get_string(setting);
        break;
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        input.kind = INPUT_NUMBER;
        input.number = config_setting_get_int64(setting);
        break;
    case CONFIG_TYPE_BOOL:
        input.kind = INPUT_FLAG;
        input.number = config_setting_get_bool(setting);
        break;
    default:
        return false;
    }
    *ret_input = input;
    return true;
}

static int take_scalar(struct reader *reader, const struct option *option,
                       const config_setting_t *setting, const struct option_place *place,
                       size_t index) {
    struct complaint complaint = {0};
    struct option_input input;
    int error = read_input(setting, index, &input)
                    ? option_take(option, &input, place, &complaint)
                    : complain(&complaint, -EINVAL, "must be a single %s",
                               option_kind(option) == INPUT_NUMBER ? "whole number" : "value");
    if (error < 0) {
        reader_fault(reader, setting, "%s: %s", option->name, complaint.text);
    }
    return error;
}

/* "sender", or "" for the root. */
static const char *section_name(enum option_group group) {
    for (size_t i = 0; i < option_section_count; i++) {
        if (option_sections[i].group == group) {
            return option_sections[i].name;
        }
    }
    return "";
}

/* Stores what the setting says, or the default where there is none. Returns 0 or -EINVAL after a
 * complaint. */
static int take_option(struct reader *reader, const struct option *option,
                       const config_setting_t *setting, const config_setting_t *around,
                       const struct option_place *place) {
    if (setting == NULL) {
        option_take_fallback(option, place);
        if ((option->flags & REQUIRED) != 0) {
            const char *group = section_name(option->group);
            reader_fault(reader, around, "%s%s%s: is missing", group, group[0] == '\0' ? "" : ".",
                         option->name);
            return -EINVAL;
        }
        return 0;
    }
    bool many = config_setting_is_array(setting) || config_setting_is_list(setting);
    if (!many || option_takes(option) == ONE) {
        return take_scalar(reader, option, setting, place, 0);
    }
    unsigned count = (unsigned)config_setting_length(setting);
    for (unsigned i = 0; i < count; i++) {
        int error = take_scalar(reader, option, config_setting_get_elem(setting, i), place, i);
        if (error < 0) {
            return error;
        }
    }
    return 0;
}

/* ---- Groups and lists -------------------------------------------------------------------------
 */

static const struct option_section *find_section(enum option_group parent, const char *name) {
    for (size_t i = 0; i < option_section_count; i++) {
        if (option_sections[i].parent == parent && strcmp(option_sections[i].name, name) == 0) {
            return &option_sections[i];
        }
    }
    return NULL;
}

static int find_unknown(struct reader *reader, enum option_group group,
                        const config_setting_t *setting) {
    int error = 0;
    unsigned count = (unsigned)config_setting_length(setting);
    for (unsigned i = 0; i < count; i++) {
        const config_setting_t *member = config_setting_get_elem(setting, i);
        const char *name = config_setting_name(member);
        if (option_find(group, name) == NULL && find_section(group, name) == NULL) {
            reader_fault(reader, member, "%s: is no option here; see cobid.conf(5)", name);
            error = -EINVAL;
        }
    }
    return error;
}

/* Fills one struct from one group; setting NULL: with the defaults. */
static void fill_group(struct reader *reader, enum option_group group, size_t index,
                       const config_setting_t *setting, void *base) {
    struct option_place place = {
        .base = base, .folder = reader->paths_folder, .copy = reader->copy};
    bool sound = setting == NULL || find_unknown(reader, group, setting) == 0;
    for (size_t i = 0; i < option_count; i++) {
        const struct option *option = &options[i];
        if (option->group != group) {
            continue;
        }
        const config_setting_t *member = setting == NULL ? NULL
                                                         : reader_member(setting, option->name);
        /* NOLINTNEXTLINE(readability-suspicious-call-argument): an option and what is around it */
        sound = take_option(reader, option, member, setting, &place) == 0 && sound;
    }
    reader->unsound[group][index] = reader->unsound[group][index] || !sound;
}

static void fill_list(struct reader *reader, const struct option_section *section,
                      const config_setting_t *setting, unsigned char *parent_base, size_t index) {
    size_t capacity = section->size / section->element_bytes;
    unsigned count = (unsigned)config_setting_length(setting), kept = 0;
    for (unsigned i = 0; i < count; i++) {
        const config_setting_t *element = config_setting_get_elem(setting, i);
        if (i == capacity) {
            reader_fault(reader, element, "%s: has more than %zu elements", section->name,
                         capacity);
            break;
        }
        bool group = config_setting_is_group(element);
        if (!group) {
            reader_fault(reader, element, "%s: each element must be a group { ... }",
                         section->name);
        }
        /* Lists inside lists share the soundness of the outer element. */
        bool inner = section->parent != GROUP_config;
        size_t mark = inner ? index : i;
        reader->unsound[section->group][mark] = reader->unsound[section->group][mark] || !group;
        if (group) {
            fill_group(reader, section->group, mark, element,
                       parent_base + section->offset + i * section->element_bytes);
        }
        if (inner && reader->unsound[section->group][mark]) {
            reader->unsound[section->parent][index] = true;
        }
        kept++;
    }
    uint32_t kept_count = kept;
    memcpy(parent_base + section->count_offset, &kept_count, sizeof kept_count);
}

/* Fills one group or list of a struct. around is the parent's setting. */
static void fill_section(struct reader *reader, const struct option_section *section,
                         const config_setting_t *around, unsigned char *parent_base, size_t index) {
    const config_setting_t *setting = reader_member(around, section->name);
    if (!section->list) {
        if (setting != NULL && !config_setting_is_group(setting)) {
            reader_fault(reader, setting, "%s: must be a group { ... }", section->name);
            setting = NULL;
        }
        fill_group(reader, section->group, 0, setting == NULL ? NULL : setting,
                   parent_base + section->offset);
        return;
    }
    if (setting == NULL || !config_setting_is_list(setting)) {
        reader_fault(reader, setting == NULL ? around : setting, "%s: %s", section->name,
                     setting == NULL ? "is missing; see the example in cobid.conf(5)"
                                     : "must be a list ( { ... }, ... )");
        reader->unsound[section->parent][index] = true;
        return;
    }
    if (config_setting_length(setting) == 0) {
        reader_fault(reader, setting, "%s: must not be empty", section->name);
        reader->unsound[section->parent][index] = true;
    }
    fill_list(reader, section, setting, parent_base, index);
}

/* Fills a list inside every element of another list. */
static void fill_inner(struct reader *reader, const struct option_section *section) {
    const struct option_section *outer = option_sections;
    while (outer->group != section->parent) {
        outer++;
    }
    unsigned char *base = (unsigned char *)reader->config;
    uint32_t count;
    memcpy(&count, base + outer->count_offset, sizeof count);
    for (uint32_t i = 0; i < count; i++) {
        const config_setting_t *element = reader_at(reader, "%s.[%u]", outer->name, i);
        if (config_setting_is_group(element)) {
            fill_section(reader, section, element, base + outer->offset + i * outer->element_bytes,
                         i);
        }
    }
}

/* ---- Defaults that are not in the table -------------------------------------------------------
 */

/* Options that systemd's environment gives: the first path of the variable, with an ending. */
static void take_environment(struct reader *reader) {
    static const struct {
        const char *option, *variable, *ending;
    } rows[] = {
        {"state_dir", "STATE_DIRECTORY", ""},
        {"control_socket", "RUNTIME_DIRECTORY", "/control.sock"},
        {"credentials_dir", "CREDENTIALS_DIRECTORY", ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const char *value = getenv(rows[i].variable);
        if (value == NULL || value[0] != '/' || reader_given(reader, "%s", rows[i].option)) {
            continue;
        }
        char path[CONFIG_PATH_SIZE * 2];
        struct text joined = TEXT_IN(path);
        text_add_bytes(&joined, value, strcspn(value, ":"));
        text_add(&joined, rows[i].ending);
        const struct option *option = option_find(GROUP_config, rows[i].option);
        struct option_input input = {.kind = INPUT_TEXT, .text = path};
        struct option_place place = {
            .base = reader->config, .folder = reader->paths_folder, .copy = reader->copy};
        struct complaint complaint = {0};
        if (joined.overflow || option_take(option, &input, &place, &complaint) < 0) {
            reader_fault(reader, reader_at(reader, "%s", rows[i].option), "%s: $%s: %s",
                         rows[i].option, rows[i].variable,
                         joined.overflow ? "is too long" : complaint.text);
        }
    }
}

static void complete_gateway(struct gateway *gateway) {
    if (gateway->timeout.us == 0) {
        gateway->timeout = (struct span){(gateway->type == GATEWAY_SMTP ? 300 : 35) * SECOND_US};
    }
    while (gateway->header_count < GATEWAY_HEADERS_MAX &&
           gateway->headers[gateway->header_count][0] != '\0') {
        gateway->header_count++;
    }
    while (gateway->success_count < ARRAY_COUNT(gateway->success) &&
           gateway->success[gateway->success_count] != 0) {
        gateway->success_count++;
    }
}

static void copy_if_empty(char *to, const char *from, size_t size) {
    if (to[0] == '\0') {
        memcpy(to, from, size);
    }
}

static_assert(sizeof((struct gateway *)0)->hook_url == sizeof((struct config *)0)->public_url,
              "one is the other's default");

static void complete(struct config *config) {
    struct config_sender *sender = &config->sender;
    copy_if_empty(sender->staff_email, sender->email, sizeof sender->staff_email);
    copy_if_empty(sender->calendar_email, sender->email, sizeof sender->calendar_email);
    for (uint32_t i = 0; i < config->gateway_count; i++) {
        complete_gateway(&config->gateways[i]);
        copy_if_empty(config->gateways[i].hook_url, config->public_url,
                      sizeof config->gateways[i].hook_url);
    }
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void fill(struct reader *reader) {
    const config_setting_t *root = config_root_setting(&reader->tree);
    fill_group(reader, GROUP_config, 0, root, reader->config);
    take_environment(reader);
    for (size_t i = 0; i < option_section_count; i++) {
        const struct option_section *section = &option_sections[i];
        if (section->parent == GROUP_config) {
            fill_section(reader, section, root, (unsigned char *)reader->config, 0);
        } else {
            fill_inner(reader, section);
        }
    }
    complete(reader->config);
}

static int load(const char *file, const char *folder, struct config **ret_config,
                struct complaints *complaints) {
    _cleanup_(cleanup_config) struct config *config = calloc(1, sizeof *config);
    _cleanup_(cleanup_reader) struct reader *reader = calloc(1, sizeof *reader);
    if (config == NULL || reader == NULL) {
        return -ENOMEM;
    }
    int error = reader_open(reader, file, config, complaints);
    if (error < 0) {
        return error;
    }
    reader->copy = folder != NULL;
    reader->paths_folder = folder != NULL ? folder : reader->folder;
    if (text_copy(config->file, sizeof config->file, file) < 0) {
        reader_fault(reader, NULL, "the file's name is too long");
    }
    fill(reader);
    check_all(reader);
    reader_tell_warnings(reader);
    if (reader->fault_count > 0) {
        return -EINVAL;
    }
    *ret_config = take(config);
    return 0;
}

int config_load(const char *file, struct config **ret_config, struct complaints *complaints) {
    return load(file, NULL, ret_config, complaints);
}

int config_load_copy(const char *file, const char *folder, struct config **ret_config,
                     struct complaints *complaints) {
    return load(file, folder, ret_config, complaints);
}

void config_free(struct config *config) {
    free(config);
}

/* ---- Questions ------------------------------------------------------------------------------- */

const struct programme *config_find_programme(const struct config *config, const char *id) {
    for (uint32_t i = 0; i < config->programme_count; i++) {
        if (strcmp(config->programmes[i].id, id) == 0) {
            return &config->programmes[i];
        }
    }
    return NULL;
}

const struct gateway *config_find_gateway(const struct config *config, const char *name) {
    for (uint32_t i = 0; i < config->gateway_count; i++) {
        if (strcmp(config->gateways[i].name, name) == 0) {
            return &config->gateways[i];
        }
    }
    return NULL;
}

const struct gateway *config_channel_gateway(const struct config *config, enum channel channel) {
    for (uint32_t i = 0; i < config->gateway_count; i++) {
        if (config->gateways[i].channel == channel && !config->gateways[i].backup_only) {
            return &config->gateways[i];
        }
    }
    return NULL;
}

const struct escalation_policy *config_find_escalation(const struct config *config,
                                                       enum escalation_kind kind,
                                                       enum audience audience) {
    for (uint32_t i = 0; i < config->escalation_count; i++) {
        if (config->escalations[i].kind == kind && config->escalations[i].audience == audience) {
            return &config->escalations[i];
        }
    }
    return NULL;
}

void config_check_use(const struct config *config, const struct config_use *in_use,
                      struct complaints *complaints) {
    for (size_t i = 0; i < in_use->programme_count; i++) {
        if (config_find_programme(config, in_use->programmes[i]) == NULL) {
            complaints_add(complaints, "%s:1: programmes: \"%s\" is in use and must stay",
                           config->file, in_use->programmes[i]);
        }
    }
    for (size_t i = 0; i < in_use->gateway_count; i++) {
        if (config_find_gateway(config, in_use->gateways[i]) == NULL) {
            complaints_add(complaints,
                           "%s:1: gateways: \"%s\" has messages under way and must stay",
                           config->file, in_use->gateways[i]);
        }
    }
    for (size_t i = 0; i < in_use->code_count; i++) {
        if (outcome_find(&config->outcomes, in_use->codes[i]) == NULL) {
            complaints_add(complaints, "%s:1: outcomes: \"%s\" is in use and must stay",
                           config->file, in_use->codes[i]);
        }
    }
    for (size_t i = 0; i < in_use->zone_count; i++) {
        if (!option_zone_known(in_use->zones[i])) {
            complaints_add(
                complaints,
                "%s:1: timezone: \"%s\" is in use, but this system does not know it any more",
                config->file, in_use->zones[i]);
        }
    }
}

void config_check_restart(const struct config *before, const struct config *after,
                          struct complaints *complaints) {
    for (size_t i = 0; i < option_count; i++) {
        const struct option *option = &options[i];
        if (option->group != GROUP_config || (option->flags & RESTART) == 0) {
            continue;
        }
        /* Members are zeroed before they are filled, so equal values are equal bytes. */
        const unsigned char *a = (const unsigned char *)before + option->offset;
        const unsigned char *b = (const unsigned char *)after + option->offset;
        if (memcmp(a, b, option->size) != 0) {
            complaints_add(complaints, "%s:1: %s: changes only with a restart of cobid",
                           after->file, option->name);
        }
    }
}
