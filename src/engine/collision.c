/* A number or address that has come to belong to two people: after a restore, or an edit behind
 * our back; at entry it is refused. Looked for when a message is about to leave.
 *
 * What goes to somebody who is not its only owner could be read by the wrong person. A
 * participant's message is looked at among participants only, as if there were nobody else: that an
 * advocate has the same address changes nothing of it. For all others the address must not be a
 * participant's, and an advocate's must be theirs alone: otherwise it is held, the operator is
 * alarmed each day, and the chain goes on to its next step at once. It is looked at again each hour
 * and goes when the address has been put right; `release` does not let it go.
 *
 * Must never hold a participant's message because of an advocate. */
#include "collision.h"

#include <errno.h>
#include <string.h>

#include "duty.h"
#include "hold.h"
#include "outbox.h"

static const struct span look_again = {60 * MINUTE_US};
enum { ALARM_HOUR = 9 }; /* UTC: once a day while it lasts */

/* The participant whom the message is about need not be in the list of owners: their row counts. */
static int of_its_participant(struct engine *e, const struct message_row *m, bool *ret_found) {
    struct noun_row participant;
    const int r = *m->participant
                      ? turn_noun_find(e, NOUN_PARTICIPANT, m->participant, &participant)
                      : -ENOENT;

    *ret_found = r == 0 && (strcmp(noun_value(&participant, "email"), m->to) == 0 ||
                            strcmp(noun_value(&participant, "mobile"), m->to) == 0);
    return r == -ENOENT ? 0 : r;
}

static int find(struct engine *e, const struct message_row *m, bool *ret_found) {
    const bool advocate = m->audience == AUDIENCE_ADVOCATE;
    enum noun noun = NOUN_OFFICE;
    char id[ID_SIZE] = "";
    bool own = false;
    int r = of_its_participant(e, m, &own);

    r = r < 0 ? r : contact_find(e->store, m->to, &noun, id);
    if (r < 0 && r != -ENOENT) {
        return r;
    }
    *ret_found = own || (r == 0 && noun == NOUN_PARTICIPANT) ||
                 (advocate && (r != 0 || noun != NOUN_ADVOCATE || strcmp(id, m->recipient) != 0));
    return 0;
}

static int alarm_shared(struct engine *e, const struct message_row *m) {
    const char *text = arena_printf(
        &e->arena,
        "message %s (%s to %s) is held: its address is not its recipient's alone. Find out whose "
        "it "
        "is and correct it; the message then goes by itself. `cobictl message show %s` shows it.",
        m->id, message_kind_to_text(m->kind), audience_to_text(m->audience), m->id);

    return turn_alarm(e, HOLD_SHARED, m->id, turn_hour(e) / 24, text);
}

static int hold(struct engine *e, struct message_row *m) {
    int r = alarm_shared(e, m);

    m->to = m->subject = m->body = NULL; /* rendered anew when it goes */
    m->wake_at = instant_min(m->not_after, instant_add(e->now, look_again));
    r = r < 0 ? r : outbox_step(e, m, MESSAGE_HOLD, HOLD_SHARED);
    r = r < 0 || !*m->escalation ? r : chain_unreachable(e, m->escalation, m->revision);
    return r < 0 ? r : 1;
}

/* Among participants: only the one whose it is may get a text or mail there. */
static int turn_away(struct engine *e, struct message_row *m) {
    const int r = contact_of_other_participant(e->store, m->to, m->recipient);

    if (r <= 0) {
        return r;
    }
    m->to = m->subject = m->body = NULL;
    const int cancelled = outbox_cancel(e, m, "number_shared");

    return cancelled < 0 ? cancelled : 1;
}

int collision_stop(struct engine *e, struct message_row *m) {
    bool found = false;

    if (m->audience == AUDIENCE_PARTICIPANT) {
        return turn_away(e, m);
    }
    if (m->audience == AUDIENCE_OPERATOR) {
        return 0; /* of the configuration */
    }
    const int r = find(e, m, &found);

    return r < 0 || !found ? r : hold(e, m);
}

int collision_again(struct engine *e, struct message_row *m) {
    struct message_row now = *m;
    struct person person;
    bool found = true;
    int r = person_find(e, m->audience, m->recipient, &person);

    if (r == 0) {
        now.to = m->channel == CHANNEL_SMS ? person.mobile : person.email;
        r = *now.to ? find(e, &now, &found) : 0;
    }
    if (r < 0) {
        return r;
    }
    if (!found) {
        m->wake_at = e->now;
        return outbox_step(e, m, MESSAGE_RELEASE, "");
    }
    r = turn_hour(e) % 24 == ALARM_HOUR ? alarm_shared(e, m) : 0;
    m->wake_at = instant_min(m->not_after, instant_add(e->now, look_again));
    return r < 0 ? r : message_update(e->store, m, MESSAGE_HELD);
}
