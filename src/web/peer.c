/* Peer: the OS user behind a control connection and what the user's groups allow.
 *
 * The kernel says who connected (SO_PEERCRED); root and the daemon's own user may do everything,
 * members of cobid-admin too, members of cobid-ops what the table of commands marks for them.
 * Membership is looked up by the user's name, and the group the process runs in counts as well.
 * What the name service says holds for a minute: a script of commands asks it once.
 *
 * Must never fall back to allowing something: what cannot be found out is refused. */
#include "peer.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"

#define GROUPS_MAX     1024
#define NAME_BYTES_MAX 16384 /* for what the name service returns */

static bool find_group(const char *name, gid_t *ret_gid) {
    struct group group, *found = NULL;
    _cleanup_free_ char *buffer = malloc(NAME_BYTES_MAX);
    if (buffer == NULL) {
        abort();
    }
    if (getgrnam_r(name, &group, buffer, NAME_BYTES_MAX, &found) != 0 || found == NULL) {
        return false;
    }
    *ret_gid = found->gr_gid;
    return true;
}

static bool contains(const gid_t *groups, int count, const char *name) {
    gid_t wanted;
    if (!find_group(name, &wanted)) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (groups[i] == wanted) {
            return true;
        }
    }
    return false;
}

/* The user's groups and the process's own; returns how many. Sets the name where there is one that
 * fits. */
static int find_groups(const struct ucred *credentials, gid_t *groups, char user[ID_SIZE]) {
    struct passwd entry, *found = NULL;
    _cleanup_free_ char *buffer = malloc(NAME_BYTES_MAX);
    if (buffer == NULL) {
        abort();
    }
    groups[0] = credentials->gid;
    struct text t;
    text_init(&t, user, ID_SIZE);
    text_addf(&t, "%u", (unsigned)credentials->uid);
    if (getpwuid_r(credentials->uid, &entry, buffer, NAME_BYTES_MAX, &found) != 0 ||
        found == NULL) {
        return 1;
    }
    if (id_valid(entry.pw_name)) {
        text_init(&t, user, ID_SIZE);
        text_add(&t, entry.pw_name);
    }
    int count = GROUPS_MAX - 1;
    if (getgrouplist(entry.pw_name, entry.pw_gid, groups + 1, &count) < 0) {
        return 1;
    }
    return count + 1;
}

static int ask(const struct ucred *credentials, struct actor *ret_actor) {
    _cleanup_free_ gid_t *groups = calloc(GROUPS_MAX, sizeof *groups);
    if (groups == NULL) {
        abort();
    }
    *ret_actor = (struct actor){.uid = credentials->uid, .access = COMMAND_OPS};
    int count = find_groups(credentials, groups, ret_actor->user);
    if (credentials->uid == 0 || credentials->uid == geteuid() ||
        contains(groups, count, PEER_GROUP_ADMIN)) {
        ret_actor->access = COMMAND_ADMIN;
        return 0;
    }
    return contains(groups, count, PEER_GROUP_OPS) ? 0 : -EACCES;
}

int peer_find(struct peers *peers, int fd, struct mono now, struct actor *ret_actor) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) {
        return -errno;
    }
    if (length != sizeof credentials || credentials.pid <= 0) {
        return -EACCES;
    }
    for (size_t i = 0; i < PEERS_KNOWN_MAX; i++) {
        if (peers->known[i].until.us > now.us && peers->known[i].gid == credentials.gid &&
            peers->known[i].actor.uid == credentials.uid) {
            *ret_actor = peers->known[i].actor;
            return peers->known[i].result;
        }
    }
    int r = ask(&credentials, ret_actor);
    size_t place = peers->next++ % PEERS_KNOWN_MAX;
    peers->known[place].actor = *ret_actor;
    peers->known[place].gid = credentials.gid;
    peers->known[place].result = r;
    peers->known[place].until.us = now.us + MINUTE_US;
    return r;
}
