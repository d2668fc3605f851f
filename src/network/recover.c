/* Networks that were active when the last daemon ended: each is found by its ledger, or, where that
 * is lost, by its live definition. Both are gone after a boot.
 */
#include "network_priv.h"

#define FILE_MAX (1 << 20)

/* What ran when the last daemon ended, if all of it is still there. */
static void
adopt(Network *n)
{
    n->run = g_new0(NetworkRun, 1);
    heal_adopt(n);
    if (dnsmasq_is_wanted(n->live))
        dnsmasq_adopt(n);
}

static void
on_undone(gpointer o, const GError *err, gpointer user)
{
    Network *n = o;

    log_warning("network '%s': its start or its end was interrupted; it is down", n->obj.name);
    network_forget_run(n);
}

/* The definition that it ran by; NULL: the file is lost. */
static NetworkDef *
read_live(const char *uuid_text)
{
    g_autofree char *path = g_strdup_printf("%s/network/%s.live", network_paths->run, uuid_text);
    g_autofree char *text = NULL;
    gsize len;

    if (!file_read_regular(path, FILE_MAX, &text, &len, NULL, NULL))
        return NULL;
    return network_parse(text, (gssize)len, XML_LIVE, NULL);
}

/* What its ledger has lost is as its live definition says. */
static gboolean
is_up(Network *n)
{
    Ledger *l = object_ledger(n);
    gboolean begun = !ledger_empty(l);

    if (!n->live || ledger_unwinding(l))
        return FALSE;
    if (ledger_committed(l, &network_start_table) && !ledger_broken(l))
        return TRUE;
    network_restore(n);
    if (!ledger_broken(l) && begun) /* a start that was interrupted */
        return FALSE;
    log_warning("network '%s': its ledger is lost, and made again", n->obj.name);
    return TRUE;
}

static void
recover_one(const char *uuid_text)
{
    NetworkDef *live = read_live(uuid_text);
    g_autofree char *name = live ? g_strdup(live->name)
                                 : ledger_object_name(&network_kind, uuid_text);
    g_autoptr(GError) err = NULL;
    guint8 uuid[UUID_LEN];
    Network *n = uuid_parse(uuid_text, uuid) ? network_find_for(name ? name : uuid_text, uuid)
                                             : NULL;

    if (!n) {
        log_warning("network '%s' (%s) was active, and cannot be told from another one", name,
                    uuid_text);
        network_free(live);
        return;
    }
    n->live = live ? live : n->def ? network_copy(n->def) : NULL;
    if (is_up(n)) {
        adopt(n);
        if (!live && !network_save_live(n, &err))
            log_warning("network '%s': %s", n->obj.name, err->message);
        log_info("network '%s': found active", n->obj.name);
        return;
    }
    n->run = g_new0(NetworkRun, 1);
    flow_unwind(n, on_undone, NULL);
}

/* By their ledgers, and where one is lost by the live definition. */
gboolean
networks_recover(const char *folder, GError **err)
{
    g_autoptr(GPtrArray) begun = ledger_names(&network_kind, err);
    g_autoptr(GPtrArray) alive = begun ? state_names(folder, ".live", err) : NULL;

    if (!alive)
        return FALSE;
    for (guint i = 0; i < begun->len; i++)
        recover_one(begun->pdata[i]);
    for (guint i = 0; i < alive->len; i++)
        if (!g_ptr_array_find_with_equal_func(begun, alive->pdata[i], g_str_equal, NULL))
            recover_one(alive->pdata[i]);
    return TRUE;
}
