/* The users and groups of this host, by name. */
#include "base/base.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

enum { ENTRY_FIRST = 1024, ENTRY_MAX = 1 << 20 }; /* a group may have many members */

/* The entry did not fit: there is more room now. */
static gboolean
has_more_room(int errnum, char **buffer, gsize *size)
{
    if (errnum != ERANGE || *size >= ENTRY_MAX)
        return FALSE;
    *size *= 4;
    *buffer = g_realloc(*buffer, *size);
    return TRUE;
}

gboolean
account_user(const char *name, guint32 *ret_uid)
{
    gsize size = ENTRY_FIRST;
    g_autofree char *buffer = g_malloc(size);
    struct passwd entry, *found = NULL;

    while (has_more_room(getpwnam_r(name, &entry, buffer, size, &found), &buffer, &size))
        ;
    if (!found)
        return FALSE;
    *ret_uid = found->pw_uid;
    return TRUE;
}

gboolean
account_group(const char *name, guint32 *ret_gid)
{
    gsize size = ENTRY_FIRST;
    g_autofree char *buffer = g_malloc(size);
    struct group entry, *found = NULL;

    while (has_more_room(getgrnam_r(name, &entry, buffer, size, &found), &buffer, &size))
        ;
    if (!found)
        return FALSE;
    *ret_gid = found->gr_gid;
    return TRUE;
}
