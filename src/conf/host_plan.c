/* What a domain says about its host's comings and goings: the element <host> of our own namespace
 * within <metadata>. */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "conf.h"

typedef xmlDoc XmlDoc;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XmlDoc, xmlFreeDoc)

static const char *const policies[N_DOWN_POLICIES] = {
    [DOWN_SHUTDOWN] = "shutdown",
    [DOWN_DESTROY] = "destroy",
    [DOWN_NONE] = "none",
};

static const char *const readies[N_GUEST_READY] = {
    [READY_STARTED] = "started",
    [READY_AGENT] = "agent",
    [READY_ADDRESS] = "address",
};

const char *
guest_ready_word(GuestReady ready)
{
    return readies[ready];
}

static gboolean
guest_ready_parse(const char *text, GuestReady *ret_ready, GError **err)
{
    for (gsize i = 0; i < G_N_ELEMENTS(readies); i++)
        if (strcmp(readies[i], text) == 0) {
            *ret_ready = (GuestReady)i;
            return TRUE;
        }
    return fail(err, ERR_XML, "metadata: ready '%s' of <host> is not started, agent or address",
                text);
}

const char *
down_policy_word(DownPolicy policy)
{
    return policies[policy];
}

gboolean
down_policy_parse(const char *text, DownPolicy *ret_policy)
{
    for (gsize i = 0; i < N_DOWN_POLICIES; i++)
        if (strcmp(policies[i], text) == 0) {
            *ret_policy = (DownPolicy)i;
            return TRUE;
        }
    return FALSE;
}

static const struct {
    const char *name;
    gsize offset;
    guint least, most;
} numbers[] = {
    { "order", offsetof(HostPlan, order), 0, HOST_ORDER_MAX },
    { "delay", offsetof(HostPlan, delay), 0, HOST_SECONDS_MAX },
    { "timeout", offsetof(HostPlan, timeout), 1, HOST_SECONDS_MAX },
    { "ready_timeout", offsetof(HostPlan, ready_timeout), 1, HOST_SECONDS_MAX },
};

static gboolean
take_attribute(HostPlan *plan, const char *name, const char *value, GError **err)
{
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        guint64 n;
        if (strcmp(numbers[i].name, name) != 0)
            continue;
        if (!g_ascii_string_to_unsigned(value, 10, numbers[i].least, numbers[i].most, &n, NULL))
            return fail(err, ERR_XML, "metadata: %s '%s' of <host> is no number from %u to %u",
                        name, value, numbers[i].least, numbers[i].most);
        G_STRUCT_MEMBER(guint, plan, numbers[i].offset) = (guint)n;
        return TRUE;
    }
    if (strcmp(name, "ready") == 0)
        return guest_ready_parse(value, &plan->ready, err);
    if (strcmp(name, "policy") != 0)
        return fail(err, ERR_XML,
                    "metadata: <host> has no '%s'; it has order, delay, timeout, policy, ready and "
                    "ready_timeout",
                    name);
    return down_policy_parse(value, &plan->policy) ||
           fail(err, ERR_XML, "metadata: policy '%s' of <host> is not shutdown, destroy or none",
                value);
}

gboolean
host_plan_read(const Notes *notes, HostPlan *plan, GError **err)
{
    g_autofree char *text = notes->metadata ? notes_get(notes, NOTE_ELEMENT, HOST_PLAN_URI) : NULL;
    g_autoptr(XmlDoc) doc = NULL;
    const xmlNode *root;
    HostPlan read = *plan;

    if (!text)
        return TRUE;
    doc = xmlReadMemory(text, (int)strlen(text), NULL, NULL,
                        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    root = doc ? xmlDocGetRootElement(doc) : NULL;
    if (!root || strcmp((const char *)root->name, "host") != 0)
        return fail(err, ERR_XML, "metadata: in the namespace %s there is <host> alone",
                    HOST_PLAN_URI);
    if (xmlChildElementCount((xmlNode *)root) > 0)
        return fail(err, ERR_XML, "metadata: <host> has no elements");
    for (xmlAttr *a = root->properties; a; a = a->next) {
        xmlChar *value = xmlNodeListGetString(doc, a->children, 1);
        gboolean ok = take_attribute(&read, (const char *)a->name, value ? (const char *)value : "",
                                     err);
        xmlFree(value);
        if (!ok)
            return FALSE;
    }
    *plan = read;
    return TRUE;
}
