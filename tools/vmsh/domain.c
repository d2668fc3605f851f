/* What commands about domains share: finding the one that is meant, states in words, values. */
#include <string.h>

#include "vmsh.h"

const char *
nth(const char *const *words, guint n, int i, const char *other)
{
    return i >= 0 && (guint)i < n && words[i] ? words[i] : other;
}

/* ---- states */

static const char *const states[] = { "no state",    "running",  "idle",    "paused",
                                      "in shutdown", "shut off", "crashed", "pmsuspended" };
static const char *const running_reasons[] = {
    "unknown",       "booted",   "migrated",           "restored",
    "from snapshot", "unpaused", "migration canceled", "save canceled",
    "event wakeup",  "crashed",  "post-copy",          "post-copy failed",
};
static const char *const paused_reasons[] = {
    "unknown",   "user",        "migrating",     "saving",           "dumping",
    "I/O error", "watchdog",    "from snapshot", "shutting down",    "creating snapshot",
    "crashed",   "starting up", "post-copy",     "post-copy failed", "API error",
};
static const char *const shutdown_reasons[] = { "unknown", "user" };
static const char *const shutoff_reasons[] = {
    "unknown", "shutdown", "destroyed",     "crashed", "migrated",
    "saved",   "failed",   "from snapshot", "daemon",
};
static const char *const crashed_reasons[] = { "unknown", "panicked" };

static const struct {
    const char *const *words;
    guint n;
} reasons[] = {
    [STATE_RUNNING] = { running_reasons, G_N_ELEMENTS(running_reasons) },
    [STATE_PAUSED] = { paused_reasons, G_N_ELEMENTS(paused_reasons) },
    [4] = { shutdown_reasons, G_N_ELEMENTS(shutdown_reasons) },
    [STATE_SHUTOFF] = { shutoff_reasons, G_N_ELEMENTS(shutoff_reasons) },
    [6] = { crashed_reasons, G_N_ELEMENTS(crashed_reasons) },
};

const char *
domain_state_text(int state)
{
    return nth(states, G_N_ELEMENTS(states), state, "no state");
}

const char *
domain_reason_text(int state, int reason)
{
    if (state < 0 || state >= (int)G_N_ELEMENTS(reasons))
        return "unknown";
    return nth(reasons[state].words, reasons[state].n, reason, "unknown");
}

gboolean
domain_state(Shell *s, const DomainRef *dom, int *ret_state, int *ret_reason, GError **err)
{
    DomainGetStateArgs args = { .dom = *dom };
    DomainGetStateRet ret;

    if (!call(s, PROC_DOMAIN_GET_STATE, &args, &ret, err))
        return FALSE;
    *ret_state = ret.state;
    if (ret_reason)
        *ret_reason = ret.reason;
    return TRUE;
}

/* ---- the domain that is meant */

void
uuid_text(const guint8 uuid[16], char ret_text[37])
{
    char *p = ret_text;

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        p += g_snprintf(p, 3, "%02x", uuid[i]);
    }
}

static gboolean
uuid_read(const char *text, guint8 ret_uuid[16])
{
    int n = 0;

    if (strlen(text) != 36 && strlen(text) != 32)
        return FALSE;
    for (const char *p = text; *p; p++) {
        if (*p == '-')
            continue;
        if (n == 16 || g_ascii_xdigit_value(p[0]) < 0 || g_ascii_xdigit_value(p[1]) < 0)
            return FALSE;
        ret_uuid[n++] = (guint8)(g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]));
        p++;
    }
    return n == 16;
}

static gboolean
lookup_by_id(Shell *s, const char *text, DomainRef *ret_dom, GError **err)
{
    guint64 id;
    DomainLookupByIdRet ret;

    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT32, &id, NULL))
        return FALSE;
    DomainLookupByIdArgs args = { .id = (gint32)id };
    if (!call(s, PROC_DOMAIN_LOOKUP_BY_ID, &args, &ret, err))
        return FALSE;
    *ret_dom = ret.dom;
    return TRUE;
}

static gboolean
lookup_by_uuid(Shell *s, const char *text, DomainRef *ret_dom, GError **err)
{
    DomainLookupByUuidArgs args;
    DomainLookupByUuidRet ret;

    if (!uuid_read(text, args.uuid) || !call(s, PROC_DOMAIN_LOOKUP_BY_UUID, &args, &ret, err))
        return FALSE;
    *ret_dom = ret.dom;
    return TRUE;
}

static gboolean
lookup_by_name(Shell *s, const char *text, DomainRef *ret_dom, GError **err)
{
    DomainLookupByNameArgs args = { .name = text };
    DomainLookupByNameRet ret;

    if (!call(s, PROC_DOMAIN_LOOKUP_BY_NAME, &args, &ret, err))
        return FALSE;
    *ret_dom = ret.dom;
    return TRUE;
}

static void
hint_domains(Shell *s, const char *text)
{
    g_auto(GStrv) names = complete_domains(s);
    const char *near = nearest_word(text, (const char *const *)names);

    if (near)
        hint(s, "did you mean '%s'? 'vmsh list --all' shows every domain there is", near);
    else
        hint(s, "'vmsh list --all' shows every domain there is");
}

/* Another failure than "there is none" is told as it is. */
static gboolean
lookup_failed(Shell *s, const char *text, GError *why, GError **err)
{
    if (why && !error_is(why, ERR_NO_DOMAIN)) {
        doing(s, "failed to get domain '%s'", text);
        g_propagate_error(err, g_error_copy(why));
        return FALSE;
    }
    hint_domains(s, text);
    return refuse(err, "failed to get domain '%s'", text);
}

gboolean
domain_lookup(Shell *s, const char *text, guint by, DomainRef *ret_dom, GError **err)
{
    static const struct {
        guint by;
        gboolean (*look)(Shell *s, const char *text, DomainRef *ret_dom, GError **err);
    } ways[] = { { BY_ID, lookup_by_id },
                 { BY_UUID, lookup_by_uuid },
                 { BY_NAME, lookup_by_name } };
    g_autoptr(GError) why = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(ways); i++) {
        if (!(by & ways[i].by))
            continue;
        g_clear_error(&why);
        if (ways[i].look(s, text, ret_dom, &why))
            return TRUE;
    }
    return lookup_failed(s, text, why, err);
}

gboolean
domain_get(Shell *s, const Args *a, DomainRef *ret_dom, GError **err)
{
    return domain_lookup(s, args_string(a, "domain"), BY_ANY, ret_dom, err);
}

gboolean
domain_xml(Shell *s, const DomainRef *dom, guint flags, const char **ret_xml, GError **err)
{
    DomainGetXmlDescArgs args = { .dom = *dom, .flags = flags };
    DomainGetXmlDescRet ret;

    if (!call(s, PROC_DOMAIN_GET_XML_DESC, &args, &ret, err))
        return FALSE;
    *ret_xml = ret.xml;
    return TRUE;
}

char *
domain_address(Shell *s, const DomainRef *dom)
{
    enum { BY_LEASE, BY_ARP = 2 };

    for (guint32 source = BY_LEASE; dom->id != -1 && source <= BY_ARP; source += BY_ARP) {
        DomainInterfaceAddressesArgs args = { .dom = *dom, .source = source };
        DomainInterfaceAddressesRet ret = { 0 };

        if (!call(s, PROC_DOMAIN_INTERFACE_ADDRESSES, &args, &ret, NULL))
            continue;
        for (guint i = 0; i < ret.ifaces.n; i++)
            if (ret.ifaces.v[i].addrs.n)
                return g_strdup(ret.ifaces.v[i].addrs.v[0].addr);
    }
    return NULL;
}

gboolean
domain_impact(const Args *a, guint *ret_flags, GError **err)
{
    if (!args_exclusive(a, "current", "live", err) || !args_exclusive(a, "current", "config", err))
        return FALSE;
    *ret_flags = (args_flag(a, "live") ? LIVE : 0) | (args_flag(a, "config") ? CONFIG : 0);
    return TRUE;
}

/* ---- values */

char *
value_text(const Value *v)
{
    switch (v->type) {
    case VALUE_INT:
        return g_strdup_printf("%d", v->i);
    case VALUE_UINT:
        return g_strdup_printf("%u", v->u);
    case VALUE_LLONG:
        return g_strdup_printf("%" G_GINT64_FORMAT, v->l);
    case VALUE_ULLONG:
        return g_strdup_printf("%" G_GUINT64_FORMAT, v->ul);
    case VALUE_DOUBLE:
        return g_strdup_printf("%f", v->d);
    case VALUE_BOOLEAN:
        return g_strdup(v->i ? "yes" : "no");
    case VALUE_STRING:
        return g_strdup(v->s);
    }
    return g_strdup("?");
}

json_object *
value_json(const Value *v)
{
    switch (v->type) {
    case VALUE_INT:
        return json_object_new_int(v->i);
    case VALUE_UINT:
        return json_object_new_int64(v->u);
    case VALUE_LLONG:
        return json_object_new_int64(v->l);
    case VALUE_ULLONG:
        return json_object_new_uint64(v->ul);
    case VALUE_DOUBLE:
        return json_object_new_double(v->d);
    case VALUE_BOOLEAN:
        return json_object_new_boolean(v->i);
    case VALUE_STRING:
        return json_object_new_string(v->s);
    }
    return NULL;
}

/* ---- completion */

static char **
domain_names(Shell *s, guint flags)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    ConnectListAllDomainsArgs args = { .need_results = 1, .flags = flags };
    ConnectListAllDomainsRet ret;
    Arena arena;

    arena_init(&arena, NULL, 0);
    if (shell_connect(s, NULL) && conn_call(s->conn, PROGRAM_REMOTE, PROC_CONNECT_LIST_ALL_DOMAINS,
                                            &args, &arena, &ret, NULL))
        for (guint i = 0; i < ret.domains.n; i++)
            g_strv_builder_add(names, ret.domains.v[i].name);
    arena_done(&arena);
    return g_strv_builder_end(names);
}

char **
complete_domains(Shell *s)
{
    return domain_names(s, 0);
}

char **
complete_active(Shell *s)
{
    return domain_names(s, 1);
}

char **
complete_inactive(Shell *s)
{
    return domain_names(s, 2);
}

void
domain_warn(Shell *s, const DomainRef *dom)
{
    enum { DEPRECATION = 1 };
    static const char *const ignored = "ignored configuration: ";
    DomainGetMessagesArgs args = { .dom = *dom, .flags = DEPRECATION };
    DomainGetMessagesRet ret;

    if (!call(s, PROC_DOMAIN_GET_MESSAGES, &args, &ret, NULL))
        return;
    fflush(stdout);
    for (guint i = 0; i < ret.msgs.n; i++)
        if (g_str_has_prefix(ret.msgs.v[i], ignored))
            fprintf(stderr, "warning: %s\n", ret.msgs.v[i] + strlen(ignored));
}
