/* endpoint: the URL of a gateway, checked.
 *
 * libcurl's own parser reads it, so that what is checked is what is connected to; but it lets
 * through more than we want (users, odd hosts, port 0, back slashes), so each part is looked at. A
 * fault is a complaint for the operator and ends the start. Nothing that came from outside the
 * configuration may ever become a URL. */
#include "cobi/transport/endpoint.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "cobi/base/cleanup.h"

#define EHLO_NAME_MAX 255

struct parts {
    char *scheme, *host, *port, *path;
};

static void cleanup_url(CURLU **url) {
    curl_url_cleanup(*url);
}

static void cleanup_parts(struct parts *parts) {
    curl_free(parts->scheme);
    curl_free(parts->host);
    curl_free(parts->port);
    curl_free(parts->path);
}

/* Visible ASCII only, without the characters that RFC 3986 keeps out of URLs; exactly two slashes
 * before the host. */
static bool spelling_fine(const char *url) {
    for (const char *p = url; *p != '\0'; p++) {
        if (*p <= 0x20 || *p >= 0x7f || strchr("\\\"<>^`{|}", *p) != NULL) {
            return false;
        }
    }
    const char *host = strstr(url, "://");
    return host != NULL && host[3] != '/' && host[3] != '\0' && strstr(url, "/..") == NULL;
}

static bool host_is_loopback(const char *host) {
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1) {
        return (ntohl(address.s_addr) >> 24) == 127;
    }
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

static bool has_part(CURLU *url, CURLUPart part) {
    char *value = NULL;
    bool found = curl_url_get(url, part, &value, 0) == CURLUE_OK;
    curl_free(value);
    return found;
}

static const char *fault_of(CURLU *url, const char *text, struct parts *ret_parts) {
    if (!spelling_fine(text) || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK) {
        return "is not a URL that cobid understands";
    }
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD)) {
        return "must not hold a user or password; use user and password_credential";
    }
    if (has_part(url, CURLUPART_FRAGMENT)) {
        return "must not hold a fragment (#...)";
    }
    if (curl_url_get(url, CURLUPART_SCHEME, &ret_parts->scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &ret_parts->host, 0) != CURLUE_OK ||
        ret_parts->host[0] == '\0') {
        return "names no host";
    }
    if (curl_url_get(url, CURLUPART_PORT, &ret_parts->port, 0) == CURLUE_OK &&
        strcmp(ret_parts->port, "0") == 0) {
        return "must not name port 0";
    }
    return curl_url_get(url, CURLUPART_PATH, &ret_parts->path, CURLU_URLDECODE) == CURLUE_OK
               ? NULL
               : "has a broken path";
}

static bool ehlo_name_fine(const char *name) {
    size_t length = strspn(name,
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-");
    return length <= EHLO_NAME_MAX && name[length] == '\0';
}

static const char *http_fault(const struct parts *parts, const char *url,
                              struct endpoint *endpoint) {
    endpoint->encrypted = strcmp(parts->scheme, "https") == 0;
    if (!endpoint->encrypted && strcmp(parts->scheme, "http") != 0) {
        return "must begin with https://";
    }
    if (!endpoint->encrypted && !endpoint->loopback) {
        return "may use http:// only on this machine (127.0.0.1, ::1, localhost); use https://";
    }
    return text_copy(endpoint->url, sizeof endpoint->url, url) < 0 ? "is too long" : NULL;
}

/* libcurl takes the EHLO name from the path, so the URL is put together anew with a name in it. */
static const char *smtp_fault(const struct parts *parts, const struct gateway *gateway,
                              const char *mail_host, struct endpoint *endpoint) {
    bool implicit = strcmp(parts->scheme, "smtps") == 0;
    const char *name = parts->path[0] == '/' && parts->path[1] != '\0' ? parts->path + 1
                                                                       : mail_host;
    if (!implicit && strcmp(parts->scheme, "smtp") != 0) {
        return "must begin with smtp:// or smtps://";
    }
    endpoint->encrypted = implicit || gateway->tls;
    if (!endpoint->encrypted && !endpoint->loopback) {
        return "may go without TLS only on this machine; set tls = true";
    }
    if (!ehlo_name_fine(name)) {
        return "has a path that is no host name (the path is the name said in EHLO)";
    }
    struct text text = TEXT_IN(endpoint->url);
    text_addf(&text, "%s://%s", parts->scheme, parts->host);
    if (parts->port != NULL) {
        text_addf(&text, ":%s", parts->port);
    }
    text_addf(&text, "/%s", name);
    return text.overflow ? "is too long" : NULL;
}

int endpoint_parse(const struct gateway *gateway, const char *mail_host,
                   struct endpoint *ret_endpoint, struct complaint *complaint) {
    _cleanup_(cleanup_url) CURLU *url = curl_url();
    _cleanup_(cleanup_parts) struct parts parts = {0};
    struct endpoint endpoint = {0};
    if (url == NULL) {
        return -ENOMEM;
    }
    const char *fault = fault_of(url, gateway->url, &parts);
    if (fault == NULL) {
        endpoint.loopback = host_is_loopback(parts.host);
        if (gateway->type == GATEWAY_SMTP) {
            fault = has_part(url, CURLUPART_QUERY)
                        ? "must not hold a query"
                        : smtp_fault(&parts, gateway, mail_host, &endpoint);
        } else {
            fault = http_fault(&parts, gateway->url, &endpoint);
        }
    }
    if (fault != NULL) {
        return complain(complaint, -EINVAL, "gateway %s: url %s", gateway->name, fault);
    }
    *ret_endpoint = endpoint;
    return 0;
}
