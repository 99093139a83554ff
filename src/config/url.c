/* Reads a URL of the configuration.
 *
 * libcurl accepts much that nobody means to write (user names, octal addresses, "https:///host",
 * encoded dots); what is configured here decides where messages go, so only the plain form passes.
 * Errors are clauses for people. It must never take for loopback what is not, because that would
 * let secrets and texts leave unencrypted. */
#include "url.h"

#include "cobi/base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Parts of a URL inside its text. */
struct cut {
    const char *begin, *end;
};

static bool scheme_allowed(const char *schemes, const char *text, size_t length) {
    for (const char *s = schemes; s != NULL;) {
        size_t span = strcspn(s, "|");
        if (span == length && strncmp(s, text, length) == 0) {
            return true;
        }
        s = s[span] == '|' ? s + span + 1 : NULL;
    }
    return false;
}

static int hex_digit(char c) {
    const char *digits = "0123456789abcdef0123456789ABCDEF",
               *at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)((at - digits) % 16);
}

/* Only characters that RFC 3986 allows, and no encoded control character, dot, slash or backslash.
 */
static const char *characters_fault(const char *text) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?#[]@!$&'()*+,;=%";
    if (strspn(text, allowed) != strlen(text)) {
        return "holds a character that no URL may hold";
    }
    for (const char *c = strchr(text, '%'); c != NULL; c = strchr(c + 1, '%')) {
        int high = hex_digit(c[1]), low = high < 0 ? -1 : hex_digit(c[2]);
        if (low < 0) {
            return "has a \"%\" without two hexadecimal digits";
        }
        int byte = high * 16 + low;
        if (byte < 0x20 || byte == 0x7f || byte == '.' || byte == '/' || byte == '\\') {
            return "has an encoded control character, dot or slash";
        }
    }
    return NULL;
}

static bool path_climbs(const char *path) {
    for (const char *dots = strstr(path, ".."); dots != NULL; dots = strstr(dots + 1, "..")) {
        bool begins = dots == path || dots[-1] == '/', ends = dots[2] == '\0' || dots[2] == '/';
        if (begins && ends) {
            return true;
        }
    }
    return false;
}

/* A name of dot-separated labels, or a dotted quad. The last label of a name is not a number, so
 * that no address in another notation passes. */
static const char *host_fault(const char *host) {
    struct in_addr four;
    if (inet_pton(AF_INET, host, &four) == 1) {
        return NULL;
    }
    const char *last = strrchr(host, '.');
    last = last == NULL ? host : last + 1;
    if (*last >= '0' && *last <= '9') {
        return "has a host that is neither a name nor a plain address";
    }
    for (const char *label = host; label != NULL;) {
        size_t length = strcspn(label, ".");
        size_t fit = strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789-");
        if (length == 0 || length > 63 || fit != length || label[0] == '-' ||
            label[length - 1] == '-') {
            return "has a host that is no plain name";
        }
        label = label[length] == '.' ? label + length + 1 : NULL;
    }
    return NULL;
}

static bool host_is_loopback(const char *host) {
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, host, &four) == 1) {
        return ntohl(four.s_addr) >> 24 == 127;
    }
    if (inet_pton(AF_INET6, host, &six) == 1) {
        return IN6_IS_ADDR_LOOPBACK(&six);
    }
    return strcmp(host, "localhost") == 0;
}

static const char *read_port(struct cut port, struct url *url) {
    size_t length = (size_t)(port.end - port.begin);
    if (length == 0 || length > 5 || strspn(port.begin, "0123456789") < length) {
        return "has a port that is no number";
    }
    url->port = (unsigned)strtoul(port.begin, NULL, 10);
    return url->port == 0 || url->port > 65535 ? "has a port outside 1 to 65535" : NULL;
}

/* "host", "host:port", "[::1]:port". */
static const char *read_authority(struct cut authority, struct url *url) {
    struct cut host = authority;
    bool six = authority.begin < authority.end && *authority.begin == '[';
    const char *after;
    if (six) {
        const char *close = memchr(authority.begin, ']', (size_t)(authority.end - authority.begin));
        if (close == NULL) {
            return "has a \"[\" without \"]\"";
        }
        host = (struct cut){authority.begin + 1, close};
        after = close + 1;
    } else {
        const char *colon = memchr(authority.begin, ':', (size_t)(authority.end - authority.begin));
        after = colon == NULL ? authority.end : colon;
        host.end = after;
    }
    struct text name = TEXT_IN(url->host);
    text_add_bytes(&name, host.begin, (size_t)(host.end - host.begin));
    if (name.overflow || name.length == 0) {
        return "has no host";
    }
    text_lower(url->host);
    struct in6_addr address;
    if (six && inet_pton(AF_INET6, url->host, &address) != 1) {
        return "has a host that is no IPv6 address";
    }
    const char *fault = six ? NULL : host_fault(url->host);
    if (fault != NULL || after == authority.end) {
        return fault;
    }
    return *after == ':' ? read_port((struct cut){after + 1, authority.end}, url)
                         : "has a host that is no plain name";
}

static const char *read_url(const char *text, size_t scheme_length, struct url *url) {
    struct text scheme = TEXT_IN(url->scheme), path = TEXT_IN(url->path);
    text_add_bytes(&scheme, text, scheme_length);
    const char *begin = text + scheme_length + strlen("://");
    struct cut authority = {begin, begin + strcspn(begin, "/?#")};
    const char *rest = authority.end;
    if (memchr(authority.begin, '@', (size_t)(authority.end - authority.begin)) != NULL) {
        return "must not hold a user name or password; secrets go into credentials";
    }
    if (strchr(rest, '#') != NULL) {
        return "must not have a fragment (\"#\")";
    }
    const char *fault = read_authority(authority, url);
    if (fault != NULL) {
        return fault;
    }
    text_add_bytes(&path, rest, strcspn(rest, "?"));
    url->query = strchr(rest, '?') != NULL;
    if (path.overflow || path_climbs(url->path)) {
        return "has a path with \"..\"";
    }
    url->loopback = host_is_loopback(url->host);
    return NULL;
}

int url_parse(const char *text, const char *schemes, struct url *ret_url,
              struct complaint *complaint) {
    struct url url = {0};
    const char *colon = strstr(text, "://");
    if (strlen(text) >= URL_SIZE) {
        return complain(complaint, -EINVAL, "must have at most %d bytes", URL_SIZE - 1);
    }
    if (colon == NULL || !scheme_allowed(schemes, text, (size_t)(colon - text))) {
        return complain(complaint, -EINVAL, "must begin with one of %s, then ://", schemes);
    }
    const char *fault = characters_fault(text);
    if (fault == NULL) {
        fault = read_url(text, (size_t)(colon - text), &url);
    }
    if (fault != NULL) {
        return complain(complaint, -EINVAL, "%s", fault);
    }
    *ret_url = url;
    return 0;
}
