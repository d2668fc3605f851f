/* Bindings of filters that clients make and delete by call: of links that no domain's definition
 * gives a filter. Each is a file for the next daemon, /run/vmd/nwfilter-bindings/LINK.xml.
 */
#include <string.h>

#include "filter_priv.h"

#define FILE_MOST (1 << 20)

static char *
folder_path(void)
{
    return g_strconcat(network_paths->run, "/nwfilter-bindings", NULL);
}

/* The name is a link's, so it is one of a file too. */
static char *
file_of(const char *link)
{
    return g_strconcat(network_paths->run, "/nwfilter-bindings/", link, ".xml", NULL);
}

static gboolean
bind_def(const FilterBindingDef *def, GError **err)
{
    g_autofree char *bridge = link_bridge(def->portdev);
    NetDef net = { .filter = def->ref };
    DomainDef owner = { .name = def->owner };

    net.source.net_type = NET_ETHERNET;
    net.source.bridge = bridge;
    memcpy(net.mac, def->mac, sizeof net.mac);
    memcpy(owner.uuid, def->owner_uuid, UUID_LEN);
    return filter_bind(def->portdev, &net, &owner, err);
}

gboolean
filter_binding_create(const char *xml, gboolean validate, const char **ret_link, GError **err)
{
    g_autoptr(FilterBindingDef) def = filter_binding_parse(xml, validate ? XML_VALIDATE : 0, err);
    g_autofree char *path = NULL;

    if (!def)
        return FALSE;
    if (filter_binding_get(def->portdev, NULL))
        return fail(err, ERR_OPERATION_FAILED, "binding '%s' already exists", def->portdev);
    if (!nwfilter_get_name(def->ref->filter, NULL))
        return fail(err, ERR_INTERNAL, "referenced filter '%s' is missing", def->ref->filter);
    if (!link_exists(def->portdev))
        return fail(err, ERR_OPERATION_FAILED, "there is no link '%s' that could have a filter",
                    def->portdev);
    path = file_of(def->portdev);
    if (!file_write_volatile(path, xml, -1, 0600, err))
        return FALSE;
    if (!bind_def(def, err)) {
        file_remove(path, NULL);
        return FALSE;
    }
    *ret_link = filter_binding_link(filter_binding_get(def->portdev, NULL));
    return TRUE;
}

gboolean
filter_binding_delete(const char *link, GError **err)
{
    g_autofree char *path = NULL;

    if (!filter_binding_get(link, err))
        return FALSE;
    path = file_of(link);
    filter_unbind(link);
    file_remove(path, NULL);
    return TRUE;
}

/* ---- what an earlier daemon was told */

static void
load_one(const char *path)
{
    g_autoptr(FilterBindingDef) def = NULL;
    g_autoptr(GError) err = NULL;
    g_autofree char *text = NULL;
    gsize len;

    if (file_read_regular(path, FILE_MOST, &text, &len, NULL, &err))
        def = filter_binding_parse(text, 0, &err);
    if (def && !link_exists(def->portdev)) {
        file_remove(path, NULL);
        return;
    }
    if (!def || !bind_def(def, &err))
        log_warning("%s: a filter is not in force: %s", path, err->message);
}

gboolean
bindings_load(GError **err)
{
    g_autofree char *folder = folder_path();
    g_autoptr(GDir) dir = NULL;
    const char *name;

    if (!dir_make(folder, 0700, err))
        return FALSE;
    dir = g_dir_open(folder, 0, NULL);
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (g_str_has_suffix(name, ".xml"))
            load_one(path);
    }
    return TRUE;
}
