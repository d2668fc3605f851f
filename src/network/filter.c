/* Filters of packets: their definitions, which are files of one store. bindings.c has those that
 * are in force.
 */
#include "network_priv.h"

#include <string.h>

static Registry *filters;
static Store *store;

static const ObjectKind filter_kind = { "filter", "nwfilter", "VMD_NWFILTER" };

/* ---- finding */

Nwfilter *
nwfilter_get_name(const char *name, GError **err)
{
    Nwfilter *f = registry_find_name(filters, name);

    if (!f)
        fail(err, ERR_NO_NWFILTER, "no nwfilter with matching name '%s'", name);
    return f;
}

Nwfilter *
nwfilter_get_uuid(const guint8 uuid[UUID_LEN], GError **err)
{
    Nwfilter *f = registry_find_uuid(filters, uuid);
    char text[UUID_TEXT_LEN];

    uuid_format(uuid, text);
    if (!f)
        fail(err, ERR_NO_NWFILTER, "no nwfilter with matching uuid '%s'", text);
    return f;
}

GPtrArray *
nwfilter_list(void)
{
    return registry_list(filters);
}

char *
nwfilter_xml(const Nwfilter *f, GError **err)
{
    if (f->def)
        return nwfilter_format(f->def);
    fail(err, ERR_XML, "definition of filter '%s' cannot be read: %s", f->obj.name, f->broken);
    return NULL;
}

/* ---- coming and going */

static void
filter_destroyed(Object *o)
{
    Nwfilter *f = (Nwfilter *)o;

    nwfilter_def_free(f->def);
    g_free(f->broken);
    object_done(o);
    g_free(f);
}

static Nwfilter *
filter_add(const char *name, const guint8 uuid[UUID_LEN])
{
    Nwfilter *f = g_new0(Nwfilter, 1);

    object_init(&f->obj, &filter_kind, name, uuid, filter_destroyed);
    if (!registry_add(filters, &f->obj)) {
        object_unref(f);
        return NULL;
    }
    object_unref(f); /* the registry has it */
    return f;
}

/* *ret_filter: the one that has the definition's name and UUID, or NULL for a new one. */
static gboolean
may_have(const NwfilterDef *def, Nwfilter **ret_filter, GError **err)
{
    Nwfilter *same_uuid = registry_find_uuid(filters, def->uuid);
    Nwfilter *same_name = registry_find_name(filters, def->name);
    char uuid[UUID_TEXT_LEN];

    if (same_uuid && same_uuid != same_name)
        return fail(err, ERR_OPERATION_FAILED,
                    "filter with same UUID but different name ('%s') already exists",
                    same_uuid->obj.name);
    if (same_name && !same_uuid && !same_name->broken) {
        uuid_format(same_name->obj.uuid, uuid);
        return fail(err, ERR_OPERATION_FAILED, "filter '%s' already exists with uuid %s", def->name,
                    uuid);
    }
    *ret_filter = same_uuid;
    return TRUE;
}

/* Adds the names that def refers to, each once. */
static void
add_references(const NwfilterDef *def, GPtrArray *names, GHashTable *seen)
{
    EACH (const FilterEntry, e, def->entries)
        if (e->kind == FILTER_REF && g_hash_table_add(seen, e->filter))
            g_ptr_array_add(names, e->filter);
}

/* Whether def's own name is among what it refers to, on whichever way. */
static gboolean
is_no_loop(const NwfilterDef *def, GError **err)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    add_references(def, names, seen);
    for (guint i = 0; i < names->len; i++) {
        const Nwfilter *f = registry_find_name(filters, names->pdata[i]);
        if (strcmp(names->pdata[i], def->name) == 0)
            return fail(err, ERR_OPERATION_FAILED, "filter would introduce a loop");
        if (f && f->def)
            add_references(f->def, names, seen);
    }
    return TRUE;
}

/* ---- definitions */

static gboolean
check_text(const char *text, gsize len, char **ret_name, guint8 ret_uuid[UUID_LEN], GError **err)
{
    g_autoptr(NwfilterDef) def = nwfilter_parse(text, (gssize)len, 0, err);

    if (!def)
        return FALSE;
    *ret_name = g_strdup(def->name);
    memcpy(ret_uuid, def->uuid, UUID_LEN);
    return TRUE;
}

static const StoreKind store_kind = { "filter", "filter", check_text };

/* A definition on its way to the disk. */
typedef struct FilterSaving {
    NwfilterDef *def;    /* NULL: the filter has it */
    NwfilterDef *before; /* what the filter had, while it is not certain */
    Nwfilter *f;         /* referenced; NULL: not yet */
    NwfilterDone done;
    gpointer user;
} FilterSaving;

/* Interfaces get the new rules before the file is replaced, because that can fail. Other filters
 * may have come and gone since the definition was read. */
static gboolean
may_save(gpointer saving, GError **err)
{
    FilterSaving *s = saving;
    Nwfilter *f;

    if (!may_have(s->def, &f, err) || !is_no_loop(s->def, err))
        return FALSE;
    if (!f)
        return TRUE;
    s->f = object_ref(f);
    s->before = f->def;
    f->def = g_steal_pointer(&s->def);
    return !filter_in_force(f->obj.name) || filter_rebind(f->obj.name, err);
}

static void
on_taken(gpointer saving)
{
    FilterSaving *s = saving;
    Nwfilter *f;

    if (s->f) {
        g_clear_pointer(&s->before, nwfilter_def_free);
        g_clear_pointer(&s->f->broken, g_free);
        return;
    }
    if ((f = registry_find_name(filters, s->def->name))) /* broken, under a made-up UUID */
        registry_remove(filters, &f->obj);
    f = s->f = object_ref(filter_add(s->def->name, s->def->uuid));
    f->def = g_steal_pointer(&s->def);
}

static void
on_saved(const GError *err, gpointer saving)
{
    g_autofree FilterSaving *s = saving;

    if (s->before) { /* it was not taken */
        nwfilter_def_free(s->f->def);
        s->f->def = s->before;
        if (filter_in_force(s->f->obj.name))
            filter_rebind(s->f->obj.name, NULL);
    }
    s->done(err ? NULL : s->f, err, s->user);
    nwfilter_def_free(s->def);
    object_unref(s->f);
}

void
nwfilter_define(const char *xml, gboolean validate, NwfilterDone done, gpointer user)
{
    g_autoptr(GError) err = NULL;
    NwfilterDef *def = nwfilter_parse(xml, -1, validate ? XML_VALIDATE : 0, &err);
    g_autofree char *text = NULL;
    StoreWrite how = { may_save, on_taken, on_saved, NULL };
    FilterSaving *s;
    Nwfilter *f;

    if (!def || !store_name_check(&store_kind, def->name, &err) || !may_have(def, &f, &err) ||
        !is_no_loop(def, &err)) {
        nwfilter_def_free(def);
        done(NULL, err, user);
        return;
    }
    how.user = s = g_new(FilterSaving, 1);
    *s = (FilterSaving){ .def = def, .done = done, .user = user };
    text = nwfilter_format(def);
    store_write(store, def->name, text, &how);
}

void
nwfilter_undefine(Nwfilter *f, NwfilterDone done, gpointer user)
{
    g_autoptr(GError) err = NULL;
    FilterSaving *s;

    if (filter_in_force(f->obj.name))
        fail(&err, ERR_OPERATION_INVALID, "nwfilter is in use");
    else
        store_remove(store, f->obj.name, &err);
    if (err) {
        done(f, err, user);
        return;
    }
    s = g_new(FilterSaving, 1);
    *s = (FilterSaving){ .f = object_ref(f), .done = done, .user = user };
    registry_remove(filters, &f->obj);
    store_settle(store, on_saved, s);
}

/* ---- the room */

static void
load_one(const StoreFound *found, gpointer user)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *text = NULL;
    Nwfilter *f = filter_add(found->name, found->uuid);
    gsize len;

    if (!f) {
        log_warning("filter '%s': another one has its UUID; its file is left alone", found->name);
        return;
    }
    if (found->broken)
        err = g_error_copy(found->broken);
    else if ((text = store_text(store, found->name, &len, NULL, &err)))
        f->def = nwfilter_parse(text, (gssize)len, 0, &err);
    if (f->def)
        return;
    f->broken = g_strdup(err->message);
    log_warning("definition of filter '%s' cannot be read: %s", found->name, f->broken);
}

gboolean
filters_init(const Paths *paths, GError **err)
{
    g_autofree char *folder = g_strconcat(paths->etc, "/nwfilter", NULL);

    filters = registry_new();
    bindings_init();
    return (store = store_open(&store_kind, folder, err)) &&
           store_load(store, load_one, NULL, err) && bindings_load(err);
}

void
filters_done(void)
{
    bindings_done();
    g_clear_pointer(&filters, registry_free);
    g_clear_pointer(&store, store_free);
}
