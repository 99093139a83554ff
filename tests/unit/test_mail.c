/* The bytes of a mail: golden bytes, encoded words, quoted-printable, and values that must not
 * reach a header. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "cobi/transport/transport.h"
#include "seed.h"

static struct outgoing sample(void) {
    return (struct outgoing){
        .message_id = "0123",
        .attempt = 1,
        .gateway = "mail",
        .reference = "M0123-1",
        .mail_id = "m0123",
        .channel = CHANNEL_EMAIL,
        .to = "Sam.Jones@Example.org",
        .from_name = "Appointments",
        .from = "desk@appointments.example",
        .reply_to = "",
        .subject = "Your appointment",
        .body = "Tuesday 12 January, 14:00.\n",
        .date = {INT64_C(1799762400) * SECOND_US}, /* 2027-01-12T14:00:00Z */
        .not_after = {INT64_MAX},
    };
}

static char *format(const struct outgoing *message) {
    char *bytes = NULL;
    size_t length = 0;
    assert_int_equal(mail_format(message, "unused.example", &bytes, &length), 0);
    assert_int_equal(strlen(bytes), length);
    return bytes;
}

static void golden_bytes(void **state) {
    (void)state;
    struct outgoing message = sample();
    _cleanup_free_ char *plain = format(&message);
    assert_string_equal(plain, "Date: Tue, 12 Jan 2027 14:00:00 +0000\r\n"
                               "From: Appointments <desk@appointments.example>\r\n"
                               "To: sam.jones@example.org\r\n"
                               "Subject: Your appointment\r\n"
                               "Message-ID: <m0123@appointments.example>\r\n"
                               "Auto-Submitted: auto-generated\r\n"
                               "MIME-Version: 1.0\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Content-Transfer-Encoding: quoted-printable\r\n"
                               "\r\n"
                               "Tuesday 12 January, 14:00.\r\n");
    message.reply_to = "team@appointments.example";
    message.thread_id = "case.7";
    message.from_name = "Tŷ Celyn";
    message.subject = "Apwyntiad yn Nhŷ Celyn";
    message.body = "Cost: 100% = £5 \n.\ntab\t\r\n";
    _cleanup_free_ char *welsh = format(&message);
    assert_string_equal(welsh, "Date: Tue, 12 Jan 2027 14:00:00 +0000\r\n"
                               "From: =?UTF-8?Q?T=C5=B7_Celyn?= <desk@appointments.example>\r\n"
                               "To: sam.jones@example.org\r\n"
                               "Reply-To: team@appointments.example\r\n"
                               "Subject: =?UTF-8?Q?Apwyntiad_yn_Nh=C5=B7_Celyn?=\r\n"
                               "Message-ID: <m0123@appointments.example>\r\n"
                               "In-Reply-To: <case.7@appointments.example>\r\n"
                               "References: <case.7@appointments.example>\r\n"
                               "Auto-Submitted: auto-generated\r\n"
                               "MIME-Version: 1.0\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Content-Transfer-Encoding: quoted-printable\r\n"
                               "\r\n"
                               "Cost: 100% =3D =C2=A35=20\r\n.\r\ntab=09\r\n");
}

/* The line that begins with name, without folding and line end; valid until the next call. */
static const char *header_of(const char *bytes, const char *name) {
    static char value[4000];
    struct text text = TEXT_IN(value);
    const char *line = strstr(bytes, name);
    assert_non_null(line);
    for (const char *p = line + strlen(name); !(p[0] == '\r' && p[1] == '\n' && p[2] != ' '); p++) {
        if (*p != '\r' && *p != '\n') {
            text_add_bytes(&text, p, 1);
        }
    }
    assert_false(text.overflow);
    return value;
}

static void sender_names_and_folding(void **state) {
    (void)state;
    static const struct {
        const char *name, *from;
    } rows[] = {
        {"", "desk@appointments.example"},
        {"Front desk", "Front desk <desk@appointments.example>"},
        {"Desk, front", "\"Desk, front\" <desk@appointments.example>"},
        {"The \"desk\" \\", "\"The \\\"desk\\\" \\\\\" <desk@appointments.example>"},
        {"A. Desk", "\"A. Desk\" <desk@appointments.example>"},
        {"=?UTF-8?Q?trick?=",
         "=?UTF-8?Q?=3D=3FUTF=2D8=3FQ=3Ftrick=3F=3D?= <desk@appointments.example>"},
        {"“Quoted”", "=?UTF-8?Q?=E2=80=9CQuoted=E2=80=9D?= <desk@appointments.example>"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct outgoing message = sample();
        message.from_name = rows[i].name;
        _cleanup_free_ char *bytes = format(&message);
        assert_string_equal(header_of(bytes, "\r\nFrom: "), rows[i].from);
    }
    struct outgoing message = sample();
    message.subject =
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen";
    _cleanup_free_ char *folded = format(&message);
    assert_string_equal(header_of(folded, "\r\nSubject: "), message.subject);
    assert_non_null(strstr(folded, "\r\n "));
    message.subject = "";
    _cleanup_free_ char *empty = format(&message);
    assert_non_null(strstr(empty, "\r\nSubject: \r\n"));
    message.from = "desk"; /* without a domain: the host of mails */
    _cleanup_free_ char *local = format(&message);
    assert_non_null(strstr(local, "<desk@unused.example>\r\n"));
    assert_non_null(strstr(local, "Message-ID: <m0123@unused.example>\r\n"));
}

static void hostile_values_are_refused(void **state) {
    (void)state;
    static const char *const breaks[] = {
        "a\r\nBcc: x@y.example", "a\nb",           "a\rb",      "a\x01z", "a\x7fz", "a\tb", "\xc3(",
        "a\xe2\x80\xa8z",        "a\xe2\x80\xaez", "a\xc2\x85z"};
    static const char *const addresses[] = {
        "",      "a",     "a@b@c",   "<a@b>", "a@b>\r\nRCPT TO:<c@d",
        "a b@c", "a@b\n", "\"a\"@b", "é@b",   "a@b,c@d"};
    static const char *const ids[] = {
        "",    "a b",
        "a>",  "a\r\nX: y",
        "a@b", ".a",
        "a.",  "a..b",
        "é",   "0123456789012345678901234567890123456789012345678901234567890123x"};
    char *bytes = NULL;
    size_t length = 7;
    for (size_t i = 0; i < ARRAY_COUNT(breaks); i++) {
        struct outgoing subject = sample(), name = sample();
        subject.subject = breaks[i];
        name.from_name = breaks[i];
        assert_int_equal(mail_format(&subject, "h", &bytes, &length), -EINVAL);
        assert_int_equal(mail_format(&name, "h", &bytes, &length), -EINVAL);
    }
    for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
        struct outgoing to = sample(), from = sample(), reply = sample();
        to.to = from.from = reply.reply_to = addresses[i];
        assert_int_equal(mail_format(&to, "h", &bytes, &length), -EINVAL);
        assert_int_equal(mail_format(&from, i < 2 ? "" : "h", &bytes, &length), -EINVAL);
        assert_int_equal(mail_format(&reply, "h", &bytes, &length), i == 0 ? 0 : -EINVAL);
        free(take(bytes));
    }
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        struct outgoing mail_id = sample(), thread = sample();
        mail_id.mail_id = thread.thread_id = ids[i];
        assert_int_equal(mail_format(&mail_id, "h", &bytes, &length), -EINVAL);
        assert_int_equal(mail_format(&thread, "h", &bytes, &length), -EINVAL);
    }
    struct outgoing body = sample();
    body.body = "\xff";
    length = 7;
    assert_int_equal(mail_format(&body, "h", &bytes, &length), -EINVAL);
    assert_null(bytes); /* untouched on failure */
    assert_int_equal(length, 7);
}

static int hex(char c) {
    const char *digits = "0123456789ABCDEF", *at = strchr(digits, c);
    assert_non_null(at);
    return (int)(at - digits);
}

/* Reads RFC 2047 words of the Q encoding, joined as RFC 2047 section 6.2 says; checks their size
 * and that each is whole UTF-8. */
static void decode_words(const char *value, char *decoded, size_t capacity) {
    size_t length = 0;
    for (const char *p = value; *p != '\0';) {
        assert_int_equal(strncmp(p, "=?UTF-8?Q?", 10), 0);
        const char *end = strstr(p + 10, "?=");
        assert_non_null(end);
        assert_true(end + 2 - p <= 75);
        size_t start = length;
        for (p += 10; p < end; p++) {
            assert_true(length + 1 < capacity);
            decoded[length++] = (char)(*p == '_'   ? ' '
                                       : *p == '=' ? hex(p[1]) * 16 + hex(p[2])
                                                   : *p);
            p += *p == '=' ? 2 : 0;
        }
        assert_true(utf8_valid(decoded + start, length - start));
        p = end + 2 + (end[2] == ' ');
    }
    decoded[length] = '\0';
}

static void decode_body(const char *body, char *decoded) {
    for (const char *p = body; *p != '\0';) {
        if (strncmp(p, "=\r\n", 3) == 0) {
            p += 3;
        } else if (*p == '=') {
            *decoded++ = (char)(hex(p[1]) * 16 + hex(p[2]));
            p += 3;
        } else if (*p == '\r') {
            p++;
        } else {
            *decoded++ = *p++;
        }
    }
    *decoded = '\0';
}

static void check_wire(const char *bytes) {
    size_t column = 0;
    for (const char *p = bytes; *p != '\0'; p++) {
        assert_true(*p > 0 && *p < 0x7f);
        assert_true(*p >= 0x20 || *p == '\r' || *p == '\n' || *p == '\t');
        assert_int_equal(*p == '\n', p > bytes && p[-1] == '\r');
        if (*p == '\n') {
            assert_true(p[-2] != ' ' || strncmp(p - 10, "Subject: ", 9) == 0);
            assert_true(column - 1 <= 76);
        }
        column = *p == '\n' ? 0 : column + 1;
    }
}

static void random_text(uint64_t *seed, char *buffer, size_t characters, const char *const *pool,
                        size_t pool_size) {
    struct text text;
    text_init(&text, buffer, characters * 6 + 1); /* the longest piece has six bytes */
    for (size_t i = 0; i < characters; i++) {
        text_add(&text, pool[seed_next(seed) % pool_size]);
    }
    assert_false(text.overflow);
}

static void random_texts_come_back(void **state) {
    (void)state;
    static const char *const letters[] = {"a", "Z", "7", " ", "=",  "?",  "_", ".", "é",
                                          "ŷ", "“", "€", "😀", "字", "\"", "<", ">"};
    static const char *const more[] = {"a",       "b", " ",   "  ", "\n", "\r\n", "\n.", "\n..\n",
                                       "\nFrom ", "=", "=\n", "ŷ",  "😀",  ".",    "\t",  "-- \n"};
    uint64_t seed = seed_init("mail");
    for (int round = 0; round < 400; round++) {
        struct outgoing message = sample();
        char subject[1300] = "ŷ", body[3700], seen[4000];
        random_text(&seed, subject + 2, (size_t)seed_between(&seed, 0, 120), letters,
                    ARRAY_COUNT(letters));
        random_text(&seed, body, (size_t)seed_between(&seed, 0, 600), more, ARRAY_COUNT(more));
        message.subject = subject;
        message.body = body;
        _cleanup_free_ char *bytes = format(&message);
        check_wire(bytes);
        decode_words(header_of(bytes, "\r\nSubject: "), seen, sizeof seen);
        assert_string_equal(seen, subject);
        decode_body(strstr(bytes, "\r\n\r\n") + 4, seen);
        struct text wanted;
        char plain[3800];
        text_init(&wanted, plain, sizeof plain);
        for (const char *p = body; *p != '\0'; p++) {
            if (!(p[0] == '\r' && p[1] == '\n')) {
                text_add_bytes(&wanted, p, 1);
            }
        }
        if (wanted.length > 0 && plain[wanted.length - 1] != '\n') {
            text_add(&wanted, "\n");
        }
        assert_string_equal(seen, plain);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_bytes),
        cmocka_unit_test(sender_names_and_folding),
        cmocka_unit_test(hostile_values_are_refused),
        cmocka_unit_test(random_texts_come_back),
    };
    return cmocka_run_group_tests_name("mail", tests, NULL, NULL);
}
