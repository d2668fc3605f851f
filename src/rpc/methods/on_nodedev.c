/* Devices of the host. All reads answer from memory. None of them is made or changed by clients
 * yet, so the machine alone is there to stay, and all are active. */
#include <string.h>

#include "host/host.h"
#include "rpc/rpc_priv.h"

static void
reply_device(Call *c, NodeDevice *d)
{
    NodeDeviceRef out = { .name = d->obj.name };

    call_reply(c, &out);
}

static gboolean
is_persistent(const NodeDevice *d)
{
    return (d->kinds & DEVICE_SYSTEM) != 0;
}

/* ---- listing */

enum {
    LIST_KINDS = 0xffffff,
    LIST_PERSISTENT = 1 << 28,
    LIST_TRANSIENT = 1 << 29,
    LIST_INACTIVE = 1 << 30,
};
#define LIST_ACTIVE (1u << 31)
#define LIST_FLAGS  (LIST_KINDS | LIST_PERSISTENT | LIST_TRANSIENT | LIST_INACTIVE | LIST_ACTIVE)

static gboolean
passes(gpointer item, guint32 flags)
{
    const NodeDevice *d = item;
    static const guint32 questions[] = { LIST_KINDS, LIST_PERSISTENT | LIST_TRANSIENT,
                                         LIST_INACTIVE | LIST_ACTIVE };
    guint32 is = d->kinds | (is_persistent(d) ? LIST_PERSISTENT : LIST_TRANSIENT) | LIST_ACTIVE;

    return list_filter(flags, is, questions, G_N_ELEMENTS(questions));
}

static GPtrArray *
devices_matching(guint32 flags)
{
    return list_keep(devices_list(), passes, flags);
}

static void
list_all(Call *c)
{
    const ConnectListAllNodeDevicesArgs *in = call_in(c);
    g_autoptr(GPtrArray) all = devices_matching(in->flags);
    ConnectListAllNodeDevicesRet out = { .ret = all->len };

    if (in->need_results) {
        out.devices.n = all->len;
        out.devices.v = arena_new(call_arena(c), NodeDeviceRef, all->len);
        for (guint i = 0; i < all->len; i++)
            out.devices.v[i].name = ((NodeDevice *)all->pdata[i])->obj.name;
    }
    call_reply(c, &out);
}

/* cap NULL: all; a word that is none is of no device. */
static GPtrArray *
devices_with(const char *cap)
{
    guint32 kind = cap ? device_kind_find(cap) : 0;
    GPtrArray *all = devices_matching(kind);

    if (cap && !kind)
        g_ptr_array_set_size(all, 0);
    return all;
}

static void
count(Call *c)
{
    const NodeNumOfDevicesArgs *in = call_in(c);
    g_autoptr(GPtrArray) all = devices_with(in->cap);
    NodeNumOfDevicesRet out = { .num = (gint32)all->len };

    call_reply(c, &out);
}

static void
list_names(Call *c)
{
    const NodeListDevicesArgs *in = call_in(c);
    g_autoptr(GPtrArray) all = devices_with(in->cap);

    call_reply_names(c, all, in->maxnames);
}

/* ---- one */

enum { XML_INACTIVE = 1 };

static void
get_xml(Call *c, NodeDevice *d)
{
    const NodeDeviceGetXmlDescArgs *in = call_in(c);
    NodeDeviceGetXmlDescRet out = { .xml = d->xml };
    GError *err = NULL;

    if (!(in->flags & XML_INACTIVE) || is_persistent(d)) {
        call_reply(c, &out);
        return;
    }
    fail(&err, ERR_OPERATION_INVALID, "node device '%s' is not persistent", d->obj.name);
    call_fail(c, err);
}

static void
get_parent(Call *c, NodeDevice *d)
{
    NodeDeviceGetParentRet out = { .parent_name = d->parent };

    call_reply(c, &out);
}

static guint
words_of(const NodeDevice *d, const char **words, guint most)
{
    guint n = 0;

    for (guint i = 0; device_kind_word(i) && n < most; i++)
        if (d->kinds & 1u << i)
            words[n++] = device_kind_word(i);
    return n;
}

#define WORDS_MAX 32

static void
count_caps(Call *c, NodeDevice *d)
{
    const char *words[WORDS_MAX];
    NodeDeviceNumOfCapsRet out = { .num = (gint32)words_of(d, words, WORDS_MAX) };

    call_reply(c, &out);
}

static void
list_caps(Call *c, NodeDevice *d)
{
    const NodeDeviceListCapsArgs *in = call_in(c);
    const char *words[WORDS_MAX];
    NodeDeviceListCapsRet out = { .names = { .v = words } };

    out.names.n = words_of(d, words, (guint)CLAMP(in->maxnames, 0, WORDS_MAX));
    call_reply(c, &out);
}

static void
get_autostart(Call *c, NodeDevice *d)
{
    NodeDeviceGetAutostartRet out = { .autostart = is_persistent(d) };

    call_reply(c, &out);
}

static void
get_is_persistent(Call *c, NodeDevice *d)
{
    NodeDeviceIsPersistentRet out = { .persistent = is_persistent(d) };

    call_reply(c, &out);
}

static void
get_is_active(Call *c, NodeDevice *d)
{
    NodeDeviceIsActiveRet out = { .active = 1 };

    call_reply(c, &out);
}

const Method node_device_methods[] = {
    { ON_NODE_DEVICE(NODE_DEVICE_LOOKUP_BY_NAME, reply_device), MAY(NODE_DEVICE_GETATTR) },
    { ON_NONE(CONNECT_LIST_ALL_NODE_DEVICES, list_all), FLAGS(LIST_FLAGS),
      MAY(CONNECT_SEARCH_NODE_DEVICES) },
    { ON_NONE(NODE_NUM_OF_DEVICES, count), MAY(CONNECT_SEARCH_NODE_DEVICES) },
    { ON_NONE(NODE_LIST_DEVICES, list_names), MAY(CONNECT_SEARCH_NODE_DEVICES) },
    { ON_NODE_DEVICE(NODE_DEVICE_GET_XML_DESC, get_xml), FLAGS(XML_INACTIVE),
      MAY(NODE_DEVICE_READ) },
    { ON_NODE_DEVICE(NODE_DEVICE_GET_PARENT, get_parent), MAY(NODE_DEVICE_READ) },
    { ON_NODE_DEVICE(NODE_DEVICE_NUM_OF_CAPS, count_caps), MAY(NODE_DEVICE_READ) },
    { ON_NODE_DEVICE(NODE_DEVICE_LIST_CAPS, list_caps), MAY(NODE_DEVICE_READ) },
    { ON_NODE_DEVICE(NODE_DEVICE_GET_AUTOSTART, get_autostart), MAY(NODE_DEVICE_READ) },
    { ON_NODE_DEVICE(NODE_DEVICE_IS_PERSISTENT, get_is_persistent), MAY(NODE_DEVICE_READ) },
    { ON_NODE_DEVICE(NODE_DEVICE_IS_ACTIVE, get_is_active), MAY(NODE_DEVICE_READ) },
    { 0 },
};
