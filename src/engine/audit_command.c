/* The command on the audit: do its chain and that of the access log still hold?
 *
 * A chain that does not is an answer, not an error: `ok` is false, cobictl ends with 1. The whole
 * of both is read within one turn; this consultation is noted after it was. */
#include <errno.h>
#include <inttypes.h>

#include "call.h"
#include "cobi/store/journal.h"

static int put_verdict(struct call *c, const char *name,
                       int (*verify)(struct store *store, int64_t *ret_bad_sequence), bool *whole) {
    int64_t bad = 0;
    const int r = verify(c->e->store, &bad);

    if (r < 0 && r != -EBADMSG) {
        return r;
    }
    *whole = *whole && r == 0;
    const char *verdict = r == 0
                              ? "whole"
                              : arena_printf(&c->e->arena, "broken from entry %" PRId64 " on", bad);

    (void)json_object_set_new(c->reply, name, json_string(verdict)); /* memory only */
    return 0;
}

int audit_command_verify(struct call *c) {
    bool whole = true;

    c->reply = json_object();
    int r = put_verdict(c, "audit", audit_verify, &whole);

    r = r < 0 ? r : put_verdict(c, "access_log", access_verify, &whole);
    (void)json_object_set_new(c->reply, "ok", json_boolean(whole)); /* memory only */
    r = r < 0 ? r : call_audit(c, "", "");
    return r < 0 ? call_failed(c, r, "the audit") : 200;
}
