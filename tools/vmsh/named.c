/* Things with a name and a UUID: what pools and networks have in common on the command line. */
#include <string.h>

#include "vmsh/named.h"

G_STATIC_ASSERT(sizeof(NamedRef) == sizeof(PoolRef) && sizeof(NamedRef) == sizeof(NetworkRef));
G_STATIC_ASSERT(G_STRUCT_OFFSET(NamedRef, uuid) == G_STRUCT_OFFSET(PoolRef, uuid));
G_STATIC_ASSERT(G_STRUCT_OFFSET(NamedRef, uuid) == G_STRUCT_OFFSET(NetworkRef, uuid));
G_STATIC_ASSERT(sizeof(NetworkSetAutostartArgs) == sizeof(StoragePoolSetAutostartArgs));

gboolean
named_get(Shell *s, const Args *a, const NamedKind *kind, NamedRef *ret_ref, GError **err)
{
    return kind->lookup(s, args_string(a, kind->word), ret_ref, err);
}

gboolean
named_name(Shell *s, const Args *a, const NamedKind *kind, GError **err)
{
    NamedRef ref;

    if (!named_get(s, a, kind, &ref, err))
        return FALSE;
    put(s, "%s\n", ref.name);
    return TRUE;
}

gboolean
named_uuid(Shell *s, const Args *a, const NamedKind *kind, GError **err)
{
    NamedRef ref;
    char uuid[UUID_TEXT_LEN];

    if (!named_get(s, a, kind, &ref, err))
        return FALSE;
    uuid_text(ref.uuid, uuid);
    put(s, "%s\n", uuid);
    return TRUE;
}

gboolean
named_autostart(Shell *s, const Args *a, const NamedKind *kind, GError **err)
{
    struct {
        NamedRef ref;
        gint32 autostart;
    } args = { .autostart = !args_flag(a, "disable") };
    const char *how = args.autostart ? "mark" : "unmark";

    G_STATIC_ASSERT(sizeof args == sizeof(NetworkSetAutostartArgs));
    if (!named_get(s, a, kind, &args.ref, err))
        return FALSE;
    doing(s, "failed to %s %s %s as autostarted", how, kind->word, args.ref.name);
    if (!call(s, kind->set_autostart, &args, NULL, err))
        return FALSE;
    remark(s, "%s %s %sed as autostarted\n", kind->title, args.ref.name, how);
    return TRUE;
}

void
named_list(Shell *s, const Args *a, gconstpointer refs, guint n)
{
    char uuid[UUID_TEXT_LEN];
    NamedRef ref;

    for (guint i = 0; i < n; i++) {
        memcpy(&ref, (const guint8 *)refs + i * sizeof ref, sizeof ref);
        uuid_text(ref.uuid, uuid);
        put(s, "%s\n", args_flag(a, "name") ? ref.name : uuid);
    }
}
