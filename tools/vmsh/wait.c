/* wait: until a domain is in a state, has an address, or its agent is there. The daemon's events
 * say when a state may have changed; what no event tells of is asked for again and again. */
#include <string.h>

#include "vmsh.h"

static const char *const states[] = { "running", "paused",  "shutoff", "crashed", "pmsuspended",
                                      "gone",    "address", "agent",   NULL };

enum { AGAIN_MS = 500 };

static gboolean
has_address(Shell *s, const DomainRef *dom)
{
    g_autofree char *address = domain_address(s, dom);

    return address != NULL;
}

static gboolean
has_agent(Shell *s, const DomainRef *dom)
{
    const char *xml;
    g_autoptr(Doc) doc = NULL;
    g_autoptr(GPtrArray) found = NULL;

    if (dom->id == -1 || !domain_xml(s, dom, 0, &xml, NULL) || !(doc = doc_parse(xml, NULL)))
        return FALSE;
    found = doc_nodes(doc, NULL,
                      "devices/channel/target[@name='org.qemu.guest_agent.0'][@state='connected']");
    return found->len > 0;
}

/* What is no state. */
static const struct {
    const char *word, *lacks;
    gboolean (*met)(Shell *s, const DomainRef *dom);
} things[] = {
    { "address", "has no address", has_address },
    { "agent", "has no agent that answers", has_agent },
};

static char **
complete_states(Shell *s)
{
    return g_strdupv((char **)states);
}

static const Option options[] = {
    DOMAIN_OPTION(complete_domains),
    { "state", OPTION_STRING, OPTION_REQUIRED, complete_states,
      "running, paused, shutoff, crashed, pmsuspended, gone (there is no such domain), address (it has "
      "one), or agent (its guest's agent is there)" },
    { "timeout", OPTION_NUMBER, OPTION_NAMED, NULL, "seconds to wait at most" },
    OPTION_END,
};

typedef struct Wait {
    gboolean told; /* something happened to it since it was last looked at */
    guint8 uuid[16];
} Wait;

static void
on_event(Conn *c, gint32 procedure, guint32 program, const guint8 *payload, gsize len,
         gpointer user)
{
    Wait *w = user;

    if (program == PROGRAM_REMOTE && procedure == PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE)
        w->told = TRUE;
}

static int
thing_find(const char *word)
{
    for (gsize i = 0; i < G_N_ELEMENTS(things); i++)
        if (strcmp(things[i].word, word) == 0)
            return (int)i;
    return -1;
}

/* "shut off" is shutoff; what is not there any more is gone, and off. */
static gboolean
is_there(Shell *s, const Wait *w, const char *wanted, gboolean *ret_done, GError **err)
{
    DomainLookupByUuidArgs args;
    DomainLookupByUuidRet ret;
    g_autoptr(GError) why = NULL;
    g_autofree char *now = NULL;
    int state = 0, thing = thing_find(wanted);

    memcpy(args.uuid, w->uuid, sizeof args.uuid);
    if (call(s, PROC_DOMAIN_LOOKUP_BY_UUID, &args, &ret, &why) &&
        domain_state(s, &ret.dom, &state, NULL, &why)) {
        g_auto(GStrv) words = g_strsplit(domain_state_text(state), " ", -1);
        now = g_strjoinv("", words);
        *ret_done = thing >= 0 ? things[thing].met(s, &ret.dom) : strcmp(now, wanted) == 0;
        return TRUE;
    }
    if (!error_is(why, ERR_NO_DOMAIN)) {
        g_propagate_error(err, g_steal_pointer(&why));
        return FALSE;
    }
    *ret_done = strcmp(wanted, "gone") == 0 || strcmp(wanted, "shutoff") == 0;
    return *ret_done || refuse(err, "the domain is gone: waiting for '%s' is in vain", wanted);
}

static gboolean
wait_until(Shell *s, Wait *w, const char *name, const char *wanted, gint64 end, GError **err)
{
    const int thing = thing_find(wanted);
    gboolean done = FALSE;

    for (;;) {
        w->told = FALSE;
        if (!is_there(s, w, wanted, &done, err))
            return FALSE;
        while (!done && !w->told) {
            gint64 left = end ? (end - g_get_monotonic_time() + 999) / 1000 : -1;

            if (end && left <= 0)
                return thing >= 0 ? refuse(err, "domain '%s' %s yet", name, things[thing].lacks)
                                  : refuse(err, "domain '%s' is not %s in time", name, wanted);
            if (thing >= 0)
                left = left < 0 ? AGAIN_MS : MIN(left, AGAIN_MS);
            if (!conn_wait(s->conn, NULL, 0, (int)MIN(left, G_MAXINT), err))
                return FALSE;
            w->told |= thing >= 0;
        }
        if (done)
            return TRUE;
    }
}

static void
tell(Shell *s, const guint8 uuid[16], const char *name, const char *wanted)
{
    DomainLookupByUuidArgs args;
    DomainLookupByUuidRet ret;
    g_autofree char *address = NULL;

    memcpy(args.uuid, uuid, sizeof args.uuid);
    if (strcmp(wanted, "address") == 0 && call(s, PROC_DOMAIN_LOOKUP_BY_UUID, &args, &ret, NULL) &&
        (address = domain_address(s, &ret.dom)))
        put(s, "%s\n", address);
    else if (strcmp(wanted, "agent") == 0)
        remark(s, "The agent of domain '%s' is there\n", name);
    else
        remark(s, "Domain '%s' is %s\n", name, wanted);
}

gboolean
domain_wait(Shell *s, const DomainRef *dom, const char *wanted, gint64 end, GError **err)
{
    ConnectDomainEventCallbackRegisterAnyRet ret = { 0 };
    ConnectDomainEventCallbackRegisterAnyArgs args = { 0 };
    ConnectDomainEventCallbackDeregisterAnyArgs forget;
    Wait w = { 0 };
    gboolean ok;

    memcpy(w.uuid, dom->uuid, sizeof w.uuid);
    conn_on_event(s->conn, on_event, &w);
    ok = call(s, PROC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, &args, &ret, err) &&
         wait_until(s, &w, dom->name, wanted, end, err);
    forget.callback_id = ret.callback_id;
    if (conn_alive(s->conn))
        call(s, PROC_CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY, &forget, NULL, NULL);
    conn_on_event(s->conn, NULL, NULL);
    if (ok)
        tell(s, w.uuid, dom->name, wanted);
    return ok;
}

static gboolean
run_wait(Shell *s, const Args *a, GError **err)
{
    const char *wanted = args_string(a, "state");
    const char *near = nearest_word(wanted, states);
    gint64 seconds = 0, begin = g_get_monotonic_time();
    DomainRef dom;

    if (!g_strv_contains(states, wanted))
        return near ? refuse(err, "no state is called '%s': did you mean %s?", wanted, near)
                    : refuse(err,
                             "no state is called '%s': running, paused, shutoff, crashed, "
                             "pmsuspended and gone are, and there are address and agent",
                             wanted);
    return args_number(a, "timeout", 0, G_MAXINT32, &seconds, err) && domain_get(s, a, &dom, err) &&
           domain_wait(s, &dom, wanted,
                       args_flag(a, "timeout") ? begin + seconds * G_USEC_PER_SEC : 0, err);
}

const Command wait_commands[] = {
    { "wait", "wait until a domain is in a state, or can be reached",
      "Return as soon as the domain is in that state, has an address (which is printed), or its agent "
      "is there; or fail when the time is over.",
      options, run_wait },
    { 0 },
};
