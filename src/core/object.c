/* Managed objects: names, references, their ledgers and queues, and the registry of one kind. */
#include "ledger.h"

#include <string.h>

static char *run_folder; /* NULL: ledgers are in memory only */

void
objects_init(const Paths *paths)
{
    g_free(run_folder);
    run_folder = g_strdup(paths->run);
}

void
object_init(Object *o, const ObjectKind *kind, const char *name, const guint8 uuid[UUID_LEN],
            void (*destroy)(Object *o))
{
    *o = (Object){ .kind = kind, .name = g_strdup(name), .id = -1, .refs = 1, .destroy = destroy };
    memcpy(o->uuid, uuid, UUID_LEN);
}

void
object_done(Object *o)
{
    claims_drop(OWNER(o));
    g_clear_pointer(&o->jobs, job_queue_free);
    g_clear_pointer(&o->ledger, ledger_free);
    g_clear_pointer(&o->name, g_free);
}

gpointer
object_ref(gpointer o)
{
    ((Object *)o)->refs++;
    return o;
}

void
object_unref(gpointer o)
{
    Object *object = o;

    if (object && --object->refs == 0)
        object->destroy(object);
}

/* ---- what it has when somebody asks for it */

static char *
ledger_folder(const ObjectKind *kind)
{
    return run_folder ? g_build_filename(run_folder, kind->folder, NULL) : NULL;
}

static char *
ledger_path(const ObjectKind *kind, const char *uuid)
{
    g_autofree char *folder = ledger_folder(kind);

    return folder ? g_strdup_printf("%s/%s.ledger", folder, uuid) : NULL;
}

Ledger *
object_ledger(gpointer o)
{
    Object *object = o;
    char uuid[UUID_TEXT_LEN];
    g_autofree char *path = NULL;

    if (object->ledger)
        return object->ledger;
    uuid_format(object->uuid, uuid);
    path = ledger_path(object->kind, uuid);
    object->ledger = ledger_open(path, object->kind->name, object->name);
    return object->ledger;
}

JobQueue *
object_jobs(gpointer o)
{
    Object *object = o;

    if (!object->jobs)
        object->jobs = job_queue_new(object);
    return object->jobs;
}

GPtrArray *
ledger_names(const ObjectKind *kind, GError **err)
{
    g_autofree char *folder = ledger_folder(kind);

    return state_names(folder, ".ledger", err);
}

char *
ledger_object_name(const ObjectKind *kind, const char *uuid)
{
    g_autofree char *path = ledger_path(kind, uuid);

    return path ? ledger_read_name(path) : NULL;
}

/* ---- registry */

struct Registry {
    GHashTable *by_name; /* Object.name, borrowed */
    GHashTable *by_uuid; /* Object.uuid, borrowed */
    GHashTable *by_id;   /* direct int, for those that run */
    GPtrArray *all;      /* in order of creation; holds the reference */
};

static guint
uuid_hash(gconstpointer uuid)
{
    guint32 word;

    memcpy(&word, uuid, sizeof word); /* random already */
    return word;
}

static gboolean
uuid_equal(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, UUID_LEN) == 0;
}

Registry *
registry_new(void)
{
    Registry *r = g_new0(Registry, 1);

    r->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    r->by_uuid = g_hash_table_new(uuid_hash, uuid_equal);
    r->by_id = g_hash_table_new(NULL, NULL);
    r->all = g_ptr_array_new();
    return r;
}

void
registry_free(Registry *r)
{
    if (!r)
        return;
    g_hash_table_unref(r->by_name);
    g_hash_table_unref(r->by_uuid);
    g_hash_table_unref(r->by_id);
    g_ptr_array_set_free_func(r->all, object_unref);
    g_ptr_array_unref(r->all);
    g_free(r);
}

gboolean
registry_add(Registry *r, Object *o)
{
    if (g_hash_table_contains(r->by_name, o->name) || g_hash_table_contains(r->by_uuid, o->uuid))
        return FALSE;
    g_hash_table_insert(r->by_name, o->name, o);
    g_hash_table_insert(r->by_uuid, o->uuid, o);
    if (o->id >= 0)
        g_hash_table_insert(r->by_id, GINT_TO_POINTER(o->id), o);
    g_ptr_array_add(r->all, object_ref(o));
    return TRUE;
}

void
registry_remove(Registry *r, Object *o)
{
    if (g_hash_table_lookup(r->by_uuid, o->uuid) != o)
        return;
    g_hash_table_remove(r->by_name, o->name);
    g_hash_table_remove(r->by_uuid, o->uuid);
    g_hash_table_remove(r->by_id, GINT_TO_POINTER(o->id));
    /* The newest leave first in most scripts, and the search starts at the end for them. */
    for (guint i = r->all->len; i-- > 0;) {
        if (r->all->pdata[i] == o) {
            g_ptr_array_remove_index(r->all, i);
            break;
        }
    }
    object_unref(o);
}

gboolean
registry_rename(Registry *r, Object *o, const char *name)
{
    if (g_hash_table_contains(r->by_name, name))
        return FALSE;
    g_hash_table_remove(r->by_name, o->name);
    g_free(o->name);
    o->name = g_strdup(name);
    g_hash_table_insert(r->by_name, o->name, o);
    return TRUE;
}

gboolean
registry_set_uuid(Registry *r, Object *o, const guint8 uuid[UUID_LEN])
{
    Object *other = g_hash_table_lookup(r->by_uuid, uuid);

    if (other)
        return other == o;
    g_hash_table_remove(r->by_uuid, o->uuid);
    memcpy(o->uuid, uuid, UUID_LEN);
    g_hash_table_insert(r->by_uuid, o->uuid, o);
    return TRUE;
}

void
registry_set_id(Registry *r, Object *o, int id)
{
    if (o->id >= 0)
        g_hash_table_remove(r->by_id, GINT_TO_POINTER(o->id));
    o->id = id;
    if (id >= 0)
        g_hash_table_insert(r->by_id, GINT_TO_POINTER(id), o);
}

gpointer
registry_find_name(Registry *r, const char *name)
{
    return g_hash_table_lookup(r->by_name, name);
}

gpointer
registry_find_uuid(Registry *r, const guint8 uuid[UUID_LEN])
{
    return g_hash_table_lookup(r->by_uuid, uuid);
}

gpointer
registry_find_id(Registry *r, int id)
{
    return id < 0 ? NULL : g_hash_table_lookup(r->by_id, GINT_TO_POINTER(id));
}

guint
registry_size(const Registry *r)
{
    return r->all->len;
}

GPtrArray *
registry_list(Registry *r)
{
    GPtrArray *list = g_ptr_array_new_full(r->all->len, object_unref);

    for (guint i = 0; i < r->all->len; i++)
        g_ptr_array_add(list, object_ref(r->all->pdata[i]));
    return list;
}

gboolean
registry_save_ledgers(Registry *r)
{
    gboolean all = TRUE;

    for (guint i = 0; i < r->all->len; i++) {
        Object *o = r->all->pdata[i];
        g_autoptr(GError) err = NULL;

        if (o->flow)
            all = FALSE;
        else if (o->ledger && !ledger_save(o->ledger, &err))
            log_error("%s", err->message);
    }
    return all;
}
