/* One command being carried out: its checked arguments and its answer. Private to the engine. */
#ifndef COBI_ENGINE_CALL_H
#define COBI_ENGINE_CALL_H

#include "turn.h"

struct call_value {
    const struct field *field;
    const char *value; /* canonical, in the arena */
};
#define CALL_VALUES_MAX (FIELDS_MAX + COMMAND_OPTIONS_MAX)
struct call {
    struct engine *e;
    const struct command *command;
    const struct actor *actor;
    const char *id, *id2; /* positional arguments, "" where none */
    const char *as;       /* --as, or "" */
    enum noun noun;       /* of the command, where it is one of the nouns */
    struct call_value values[CALL_VALUES_MAX];
    size_t value_count;
    json_t *reply; /* set by the handler; taken over by the answer */
    bool dry_run;  /* everything is undone after the answer is made */
};
/* A handler returns an HTTP status: 200 with reply set, or what call_refuse() returned. */
typedef int call_handler(struct call *c);

/* Sets the reply to {"error": line} and returns status. */
_printf_(3, 4) int call_refuse(struct call *c, int status, const char *format, ...);
/* Turns a negative errno of store or rules into a refusal. what names the thing ("session S-ABC").
 */
int call_failed(struct call *c, int error, const char *what);
/* The value of an option; NULL when it was not given. */
const char *call_value(const struct call *c, const char *name);
bool call_given(const struct call *c, const char *name);
/* 200 and {"id": ..., "ok": true}-like documents are built with these. NULL and "" become null. */
void json_put_text(json_t *object, const char *name, const char *text);
void json_put_instant(json_t *object, const char *name,
                      struct instant t); /* 0 and INSTANT_NEVER become null */
void json_put_date(json_t *object, const char *name, struct date d);
json_t *session_to_json(const struct session_row *s);
json_t *message_to_json(const struct message_row *m);
/* Notes the change in the audit with who did it. */
_must_use_ int call_audit(struct call *c, const char *subject, const char *detail);
/* Who gave the command, for histories: the person named, else the OS user. */
const char *call_actor(const struct call *c);

/* What was done about a session, for its history. */
struct session_change {
    const char *what;   /* "moved" */
    const char *by;     /* participant, service, or NULL */
    const char *reason; /* or NULL */
};
/* Puts "surplus_sessions" into the answer: a number that is owed no more may have a catch-up that
 * nobody needs. */
_must_use_ int session_put_surplus(struct call *c, const struct session_row *s);
/* old_start: 0 where no notice can be counted. */
_must_use_ int session_change_note(struct call *c, const struct session_row *s,
                                   const struct session_change *change, struct instant old_start);

/* Handlers, by file. */
call_handler people_add, people_list, people_show, people_set, people_absent, people_link,
    people_unlink;
call_handler participant_reassign, practitioner_leave;
call_handler participant_plan, participant_pause, participant_resume, participant_withdraw,
    participant_end, participant_complete;
call_handler session_command_list, session_command_show, session_command_move,
    session_command_cancel, session_command_outcome, session_command_decide,
    session_command_correct, session_command_approve;
call_handler task_command_list, task_command_done, concern_command_raise;
call_handler feed_command_create, feed_command_list, feed_command_revoke;
call_handler message_command_list, message_command_show, message_command_retry,
    message_command_cancel, message_command_release;
call_handler escalation_command_list, escalation_command_show, escalation_command_ack,
    escalation_command_resolve, escalation_command_worst_case, audit_command_verify;
call_handler inbound_command_list, inbound_command_show;
call_handler template_command_list, template_command_show, view_preview, view_explain, view_status,
    view_health;

#endif
