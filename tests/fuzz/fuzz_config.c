/* fuzz_config: any file is a configuration, or is refused with at least one clean line. */
#include "fuzz.h"

#include <string.h>
#include <unistd.h>

#include "cobi/base/text.h"
#include "cobi/config/config.h"

static const char *file_name(void) {
    static char name[64];
    static int fd = -1;

    if (fd < 0) {
        struct text t = TEXT_IN(name);
        text_addf(&t, "%s/cobid-fuzz-config-XXXXXX", fuzz_folder());
        fd = mkstemp(name);
        FUZZ_CHECK(fd >= 0);
    }
    return name;
}

static void remove_file(void) {
    (void)unlink(file_name());
}

static void write_file(const char *name, const uint8_t *data, size_t size) {
    FILE *file = fopen(name, "we");

    FUZZ_CHECK(file != NULL);
    FUZZ_CHECK(fwrite(data, 1, size, file) == size);
    FUZZ_CHECK(fclose(file) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct complaints complaints;
    static int registered;
    struct config *config = NULL;

    if (!registered) {
        registered = atexit(remove_file) == 0;
    }
    /* Not what other files say: an @include may name any of this machine. */
    if (memmem(data, size, "@include", 8) != NULL) {
        return 0;
    }
    write_file(file_name(), data, size);
    complaints.count = 0;
    if (config_load(file_name(), &config, &complaints) == 0) {
        FUZZ_CHECK(config != NULL && config->gateway_count <= GATEWAYS_MAX);
        config_free(config);
    } else {
        FUZZ_CHECK(config == NULL && complaints.count > 0);
    }
    for (size_t i = 0; i < complaints.count && i < COMPLAINTS_MAX; i++) {
        const char *line = complaints.list[i].text;

        FUZZ_CHECK(text_check(line, strlen(line), COMPLAINT_SIZE) == TEXT_FINE);
    }
    return 0;
}
