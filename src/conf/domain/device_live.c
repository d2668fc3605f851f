/* The devices of a live definition, by their aliases: differences between two definitions. */
#include "device.h"

#include <string.h>

#include "conf/lists.h"

typedef struct AliasSearch {
    const char *alias;
    Device found; /* borrowed */
} AliasSearch;

static gboolean
look_at(DeviceInfo *info, const Schema *schema, gpointer device, gpointer user)
{
    AliasSearch *s = user;

    if (g_strcmp0(info->alias, s->alias) != 0)
        return TRUE;
    s->found = (Device){ schema, device };
    return FALSE;
}

gboolean
domain_find_alias(const DomainDef *def, const char *alias, Device *ret_device)
{
    AliasSearch s = { .alias = alias };

    if (!alias || domain_each_device((DomainDef *)def, look_at, &s))
        return FALSE;
    if (ret_device)
        *ret_device = s.found;
    return TRUE;
}

const char *
device_alias(const Device *device)
{
    const DeviceInfo *info = device_info(device->schema, device->def);

    return info ? info->alias : NULL;
}

typedef struct Missing {
    const DomainDef *def;
    GArray *list;
} Missing;

static gboolean
note_missing(DeviceInfo *info, const Schema *schema, gpointer device, gpointer user)
{
    Missing *m = user;
    Device d = { schema, device };

    if (info->alias && !domain_find_alias(m->def, info->alias, NULL))
        g_array_append_val(m->list, d);
    return TRUE;
}

GArray *
domain_missing(const DomainDef *def, const DomainDef *from)
{
    Missing m = { def, g_array_new(FALSE, FALSE, sizeof(Device)) };

    domain_each_device((DomainDef *)from, note_missing, &m);
    return m.list;
}

/* ---- adding and removing */

static void
add_to_list(DomainDef *def, const Field *f, const GPtrArray *from)
{
    const Schema *s = f->arg;
    GPtrArray **list = (GPtrArray **)G_STRUCT_MEMBER_P(&def->devices, f->offset);

    for (guint i = 0; i < list_length(from); i++) {
        const DeviceInfo *info = device_info(s, from->pdata[i]);

        if (info && info->alias && !domain_find_alias(def, info->alias, NULL))
            list_insert(list, MIN(i, list_length(*list)), schema_copy(s, from->pdata[i]));
    }
}

static void
add_single(DomainDef *def, const Field *f, gpointer from)
{
    gpointer *at = G_STRUCT_MEMBER_P(&def->devices, f->offset);
    const DeviceInfo *info = from ? device_info(f->arg, from) : NULL;

    if (!*at && info && info->alias)
        *at = schema_copy(f->arg, from);
}

void
domain_add_missing(DomainDef *def, const DomainDef *from)
{
    for (const Field *f = devices_schema.fields; f->kind != F_END; f++) {
        gpointer theirs = G_STRUCT_MEMBER(gpointer, &from->devices, f->offset);

        if (f->kind == F_LIST)
            add_to_list(def, f, theirs);
        else if (f->kind == F_PTR)
            add_single(def, f, theirs);
    }
}

static void
remove_from_list(GPtrArray **list, const Schema *s, const char *alias)
{
    for (guint i = list_length(*list); i-- > 0;) {
        const DeviceInfo *info = device_info(s, (*list)->pdata[i]);

        if (info && g_strcmp0(info->alias, alias) == 0)
            schema_free(s, g_ptr_array_remove_index(*list, i));
    }
    if (*list && (*list)->len == 0)
        g_clear_pointer(list, g_ptr_array_unref);
}

void
domain_remove_alias(DomainDef *def, const char *alias)
{
    for (const Field *f = devices_schema.fields; f->kind != F_END; f++) {
        gpointer at = G_STRUCT_MEMBER_P(&def->devices, f->offset);
        const DeviceInfo *info;

        if (f->kind == F_LIST)
            remove_from_list(at, f->arg, alias);
        if (f->kind != F_PTR || !*(gpointer *)at ||
            !(info = device_info(f->arg, *(gpointer *)at)) || g_strcmp0(info->alias, alias) != 0)
            continue;
        schema_free(f->arg, *(gpointer *)at);
        *(gpointer *)at = NULL;
    }
}

void
domain_replace_alias(DomainDef *def, const DomainDef *from, const char *alias)
{
    Device ours, theirs, spare;

    if (!domain_find_alias(def, alias, &ours) || !domain_find_alias(from, alias, &theirs) ||
        ours.schema != theirs.schema)
        return;
    spare.def = schema_copy(theirs.schema, theirs.def);
    schema_done(ours.schema, ours.def);
    memcpy(ours.def, spare.def, ours.schema->size);
    g_free(spare.def);
}

/* Of a kind, and without a name. */
typedef struct Unnamed {
    const Schema *schema;
    DeviceInfo *found;
    guint count;
} Unnamed;

static gboolean
look_unnamed(DeviceInfo *info, const Schema *schema, gpointer device, gpointer user)
{
    Unnamed *u = user;

    if (info->alias || schema != u->schema)
        return TRUE;
    u->found = info;
    u->count++;
    return TRUE;
}

char *
domain_keep_alias(DomainDef *def, const DomainDef *before, const Device *device)
{
    g_autoptr(GArray) gone = domain_missing(def, before);
    const char *said = device_alias(device), *had;
    Unnamed u = { .schema = device->schema };

    if (gone->len == 0 && domain_find_alias(def, said, NULL))
        return g_strdup(said);
    domain_each_device(def, look_unnamed, &u);
    if (gone->len != 1 || u.count != 1)
        return NULL;
    had = device_alias(&g_array_index(gone, Device, 0));
    u.found->alias = g_strdup(had);
    return g_strdup(had);
}
