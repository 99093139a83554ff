/* fuzz_answer: what a gateway answers proves an acceptance only in the way the configuration says,
 * and the id taken from it is short and clean. The first byte picks the way; the rest is the
 * answer's body. */
#include "fuzz.h"

#include <string.h>

#include "cobi/base/text.h"
#include "cobi/transport/http_gateway.h"

static const struct {
    const struct http_gateway *gateway;
    const char *pointer, *proof;
} ways[] = {
    {&generic_gateway, "/id", ""}, {&generic_gateway, "/messages/0/id", ""},
    {&generic_gateway, "", "0:"},  {&generic_gateway, "/a~1b/~0c", ""},
    {&generic_gateway, "", ""},    {&kannel_gateway, "", ""},
};
#define WAY_COUNT (sizeof(ways) / sizeof(ways[0]))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gateway gateway = {.success = {200, 202}, .success_count = 2};
    char id[PROVIDER_ID_SIZE] = "";
    struct http_answer answer = {.request_began = true, .whole = true};
    struct text pointer = TEXT_IN(gateway.id_pointer), proof = TEXT_IN(gateway.proof);
    char *body;
    size_t way;

    if (size == 0) {
        return 0;
    }
    way = data[0] % WAY_COUNT;
    body = fuzz_string(data + 1, size - 1);
    text_add(&pointer, ways[way].pointer);
    text_add(&proof, ways[way].proof);
    answer.status = data[0] >= 128 ? 200 : 202;
    answer.body = body;
    answer.body_length = size - 1;
    if (ways[way].gateway->prove(&gateway, &answer, id)) {
        FUZZ_CHECK(ways[way].pointer[0] == '\0' || size > 1);
        FUZZ_CHECK(ways[way].proof[0] == '\0' ||
                   strncmp(body, ways[way].proof, strlen(ways[way].proof)) == 0);
    }
    FUZZ_CHECK(memchr(id, '\0', sizeof(id)) != NULL);
    FUZZ_CHECK(id[0] == '\0' || text_check(id, strlen(id), sizeof(id)) == TEXT_FINE);
    answer.status = 500;
    FUZZ_CHECK(!ways[way].gateway->prove(&gateway, &answer, id));
    free(body);
    return 0;
}
