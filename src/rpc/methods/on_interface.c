/* Interfaces of the host: its links, as the kernel has them now. They are not changed from here, so
 * there is none that is defined and not there. */
#include <string.h>

#include "host/host.h"
#include "rpc/rpc_priv.h"

static InterfaceRef
interface_ref(const HostInterface *i)
{
    return (InterfaceRef){ .name = i->name, .mac = i->mac };
}

enum { LIST_INACTIVE = 1 << 0, LIST_ACTIVE = 1 << 1, LIST_FLAGS = 3 };

/* NULL: the call is answered. flags 0: all. */
static GPtrArray *
interfaces_matching(Call *c, guint32 flags)
{
    GError *err = NULL;
    GPtrArray *all = interfaces_list(&err);

    if (!all) {
        call_fail(c, err);
        return NULL;
    }
    for (guint i = all->len; i-- > 0;) {
        const HostInterface *one = all->pdata[i];
        if (flags && !(flags & (one->active ? LIST_ACTIVE : LIST_INACTIVE)))
            g_ptr_array_remove_index(all, i);
    }
    return all;
}

static void
list_all(Call *c)
{
    const ConnectListAllInterfacesArgs *in = call_in(c);
    g_autoptr(GPtrArray) all = interfaces_matching(c, in->flags);
    ConnectListAllInterfacesRet out = { 0 };

    if (!all)
        return;
    out.ret = all->len;
    out.ifaces.n = in->need_results ? all->len : 0;
    out.ifaces.v = arena_new(call_arena(c), InterfaceRef, out.ifaces.n);
    for (guint i = 0; i < out.ifaces.n; i++)
        out.ifaces.v[i] = interface_ref(all->pdata[i]);
    call_reply(c, &out);
}

static void
count(Call *c, guint32 flags)
{
    g_autoptr(GPtrArray) all = interfaces_matching(c, flags);
    ConnectNumOfInterfacesRet out = { .num = all ? (gint32)all->len : 0 };

    if (all)
        call_reply(c, &out);
}

static void
name_some(Call *c, guint32 flags)
{
    const ConnectListInterfacesArgs *in = call_in(c);
    g_autoptr(GPtrArray) all = interfaces_matching(c, flags);
    ConnectListInterfacesRet out = { 0 };

    if (!all)
        return;
    out.names.n = (guint32)CLAMP(in->maxnames, 0, (gint)all->len);
    out.names.v = arena_new(call_arena(c), const char *, out.names.n);
    for (guint i = 0; i < out.names.n; i++)
        out.names.v[i] = ((HostInterface *)all->pdata[i])->name;
    call_reply(c, &out);
}

static void
count_active(Call *c)
{
    count(c, LIST_ACTIVE);
}

static void
count_inactive(Call *c)
{
    count(c, LIST_INACTIVE);
}

static void
list_active(Call *c)
{
    name_some(c, LIST_ACTIVE);
}

static void
list_inactive(Call *c)
{
    name_some(c, LIST_INACTIVE);
}

/* ---- one */

static const HostInterface *
find_name(const GPtrArray *all, const char *name, GError **err)
{
    for (guint i = 0; i < all->len; i++) {
        const HostInterface *one = all->pdata[i];
        if (strcmp(one->name, name) == 0)
            return one;
    }
    fail(err, ERR_NO_INTERFACE, "couldn't find interface named '%s'", name);
    return NULL;
}

static const HostInterface *
find_mac(const GPtrArray *all, const char *mac, GError **err)
{
    const HostInterface *found = NULL;

    for (guint i = 0; i < all->len; i++) {
        const HostInterface *one = all->pdata[i];
        if (g_ascii_strcasecmp(one->mac, mac) != 0)
            continue;
        if (found) {
            fail(err, ERR_MULTIPLE_INTERFACES, "interfaces '%s' and '%s' have the MAC address '%s'",
                 found->name, one->name, mac);
            return NULL;
        }
        found = one;
    }
    if (!found)
        fail(err, ERR_NO_INTERFACE, "couldn't find interface with MAC address '%s'", mac);
    return found;
}

typedef const HostInterface *(*Find)(const GPtrArray *all, const char *text, GError **err);

static void
reply_found(Call *c, Find find, const char *text)
{
    g_autoptr(GPtrArray) all = interfaces_matching(c, 0);
    GError *err = NULL;
    const HostInterface *one = all ? find(all, text, &err) : NULL;
    InterfaceRef out;

    if (one) {
        out = interface_ref(one);
        call_reply(c, &out);
    } else if (all) {
        call_fail(c, err);
    }
}

static void
by_name(Call *c)
{
    const InterfaceLookupByNameArgs *in = call_in(c);

    reply_found(c, find_name, in->name);
}

static void
by_mac(Call *c)
{
    const InterfaceLookupByMacStringArgs *in = call_in(c);

    reply_found(c, find_mac, in->mac);
}

enum { XML_INACTIVE = 1 };

static void
get_xml(Call *c)
{
    const InterfaceGetXmlDescArgs *in = call_in(c);
    GError *err = NULL;
    g_autofree char *xml = interface_xml(in->iface.name, &err);
    InterfaceGetXmlDescRet out = { .xml = xml };

    if (xml)
        call_reply(c, &out);
    else
        call_fail(c, err);
}

static void
get_is_active(Call *c)
{
    const InterfaceIsActiveArgs *in = call_in(c);
    g_autoptr(GPtrArray) all = interfaces_matching(c, 0);
    GError *err = NULL;
    const HostInterface *one = all ? find_name(all, in->iface.name, &err) : NULL;
    InterfaceIsActiveRet out = { .active = one && one->active };

    if (one)
        call_reply(c, &out);
    else if (all)
        call_fail(c, err);
}

const Method interface_methods[] = {
    { ON_NONE(CONNECT_LIST_ALL_INTERFACES, list_all), FLAGS(LIST_FLAGS),
      MAY(CONNECT_SEARCH_INTERFACES) },
    { ON_NONE(CONNECT_NUM_OF_INTERFACES, count_active), MAY(CONNECT_SEARCH_INTERFACES) },
    { ON_NONE(CONNECT_LIST_INTERFACES, list_active), MAY(CONNECT_SEARCH_INTERFACES) },
    { ON_NONE(CONNECT_NUM_OF_DEFINED_INTERFACES, count_inactive), MAY(CONNECT_SEARCH_INTERFACES) },
    { ON_NONE(CONNECT_LIST_DEFINED_INTERFACES, list_inactive), MAY(CONNECT_SEARCH_INTERFACES) },
    { ON_NONE(INTERFACE_LOOKUP_BY_NAME, by_name), MAY(INTERFACE_GETATTR) },
    { ON_NONE(INTERFACE_LOOKUP_BY_MAC_STRING, by_mac), MAY(INTERFACE_GETATTR) },
    { ON_NONE(INTERFACE_GET_XML_DESC, get_xml), FLAGS(XML_INACTIVE), MAY(INTERFACE_READ) },
    { ON_NONE(INTERFACE_IS_ACTIVE, get_is_active), MAY(INTERFACE_READ) },
    { 0 },
};
