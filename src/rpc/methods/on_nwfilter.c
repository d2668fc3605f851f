/* Filters of packets. All reads answer from memory. */
#include <string.h>

#include "network/network.h"
#include "rpc/rpc_priv.h"

static NwfilterRef
nwfilter_ref(const Nwfilter *f)
{
    NwfilterRef ref = { .name = f->obj.name };

    memcpy(ref.uuid, f->obj.uuid, sizeof ref.uuid);
    return ref;
}

static void
reply_nwfilter(Call *c, Nwfilter *f)
{
    NwfilterRef out = nwfilter_ref(f);

    call_reply(c, &out);
}

/* ---- listing */

static void
list_all(Call *c)
{
    const ConnectListAllNwfiltersArgs *in = call_in(c);
    g_autoptr(GPtrArray) all = nwfilter_list();
    ConnectListAllNwfiltersRet out = { .ret = all->len };

    if (in->need_results) {
        out.filters.n = all->len;
        out.filters.v = arena_new(call_arena(c), NwfilterRef, all->len);
        for (guint i = 0; i < all->len; i++)
            out.filters.v[i] = nwfilter_ref(all->pdata[i]);
    }
    call_reply(c, &out);
}

static void
count(Call *c)
{
    g_autoptr(GPtrArray) all = nwfilter_list();
    ConnectNumOfNwfiltersRet out = { .num = (gint32)all->len };

    call_reply(c, &out);
}

static void
list_names(Call *c)
{
    const ConnectListNwfiltersArgs *in = call_in(c);
    g_autoptr(GPtrArray) all = nwfilter_list();

    call_reply_names(c, all, in->maxnames);
}

/* ---- bindings: filters in force on interfaces */

static NwfilterBindingRef
binding_ref(const FilterBinding *b)
{
    return (NwfilterBindingRef){ .portdev = filter_binding_link(b),
                                 .filtername = filter_binding_filter(b) };
}

static void
list_bindings(Call *c)
{
    const ConnectListAllNwfilterBindingsArgs *in = call_in(c);
    g_autoptr(GPtrArray) all = filter_binding_list();
    ConnectListAllNwfilterBindingsRet out = { .ret = all->len };

    out.bindings.n = in->need_results ? all->len : 0;
    out.bindings.v = arena_new(call_arena(c), NwfilterBindingRef, out.bindings.n);
    for (guint i = 0; i < out.bindings.n; i++)
        out.bindings.v[i] = binding_ref(all->pdata[i]);
    call_reply(c, &out);
}

static void
find_binding(Call *c)
{
    const NwfilterBindingLookupByPortDevArgs *in = call_in(c);
    GError *err = NULL;
    const FilterBinding *b = filter_binding_get(in->name, &err);
    NwfilterBindingLookupByPortDevRet out;

    if (!b) {
        call_fail(c, err);
        return;
    }
    out.nwfilter = binding_ref(b);
    call_reply(c, &out);
}

static void
get_binding_xml(Call *c)
{
    const NwfilterBindingGetXmlDescArgs *in = call_in(c);
    GError *err = NULL;
    const FilterBinding *b = filter_binding_get(in->nwfilter.portdev, &err);
    g_autofree char *xml = b ? filter_binding_xml(b) : NULL;
    NwfilterBindingGetXmlDescRet out = { .xml = xml };

    if (xml)
        call_reply(c, &out);
    else
        call_fail(c, err);
}

enum { CREATE_VALIDATE = 1 };

static void
create_binding(Call *c)
{
    const NwfilterBindingCreateXmlArgs *in = call_in(c);
    NwfilterBindingCreateXmlRet out = { 0 };
    GError *err = NULL;
    const char *link;

    if (!filter_binding_create(in->xml, in->flags & CREATE_VALIDATE, &link, &err)) {
        call_fail(c, err);
        return;
    }
    out.nwfilter = binding_ref(filter_binding_get(link, NULL));
    call_reply(c, &out);
}

static void
delete_binding(Call *c)
{
    const NwfilterBindingDeleteArgs *in = call_in(c);
    g_autoptr(GError) err = NULL;

    filter_binding_delete(in->nwfilter.portdev, &err);
    call_done(c, err);
}

/* ---- definitions */

enum { DEFINE_VALIDATE = 1 };

static void
on_defined(Nwfilter *f, const GError *err, gpointer user)
{
    if (err)
        call_fail(user, g_error_copy(err));
    else
        reply_nwfilter(user, f);
}

static void
define_xml(Call *c)
{
    const NwfilterDefineXmlArgs *in = call_in(c);

    nwfilter_define(in->xml, FALSE, on_defined, c);
}

static void
define_xml_flags(Call *c)
{
    const NwfilterDefineXmlFlagsArgs *in = call_in(c);

    nwfilter_define(in->xml, in->flags & DEFINE_VALIDATE, on_defined, c);
}

static void
on_undefined(Nwfilter *f, const GError *err, gpointer user)
{
    call_done(user, err);
}

static void
undefine(Call *c, Nwfilter *f)
{
    nwfilter_undefine(f, on_undefined, c);
}

static void
get_xml(Call *c, Nwfilter *f)
{
    GError *err = NULL;
    g_autofree char *xml = nwfilter_xml(f, &err);
    NwfilterGetXmlDescRet out = { .xml = xml };

    if (xml)
        call_reply(c, &out);
    else
        call_fail(c, err);
}

const Method nwfilter_methods[] = {
    { ON_NWFILTER_BY(name, NWFILTER_LOOKUP_BY_NAME, reply_nwfilter), MAY(NWFILTER_GETATTR) },
    { ON_NWFILTER_BY(uuid, NWFILTER_LOOKUP_BY_UUID, reply_nwfilter), MAY(NWFILTER_GETATTR) },
    { ON_NONE(CONNECT_LIST_ALL_NWFILTERS, list_all), MAY(CONNECT_SEARCH_NWFILTERS) },
    { ON_NONE(CONNECT_NUM_OF_NWFILTERS, count), MAY(CONNECT_SEARCH_NWFILTERS) },
    { ON_NONE(CONNECT_LIST_NWFILTERS, list_names), MAY(CONNECT_SEARCH_NWFILTERS) },
    { ON_NONE(CONNECT_LIST_ALL_NWFILTER_BINDINGS, list_bindings),
      MAY(CONNECT_SEARCH_NWFILTER_BINDINGS) },
    { ON_NONE(NWFILTER_BINDING_LOOKUP_BY_PORT_DEV, find_binding), MAY(NWFILTER_BINDING_GETATTR) },
    { ON_NONE(NWFILTER_BINDING_GET_XML_DESC, get_binding_xml), MAY(NWFILTER_BINDING_READ) },
    { ON_NONE(NWFILTER_BINDING_CREATE_XML, create_binding), FLAGS(CREATE_VALIDATE),
      MAY(NWFILTER_BINDING_CREATE) },
    { ON_NONE(NWFILTER_BINDING_DELETE, delete_binding), MAY(NWFILTER_BINDING_DELETE) },
    { ON_NONE(NWFILTER_DEFINE_XML, define_xml), MAY_BOTH(NWFILTER_WRITE, NWFILTER_SAVE) },
    { ON_NONE(NWFILTER_DEFINE_XML_FLAGS, define_xml_flags), FLAGS(DEFINE_VALIDATE),
      MAY_BOTH(NWFILTER_WRITE, NWFILTER_SAVE) },
    { ON_NWFILTER(NWFILTER_UNDEFINE, undefine), MAY(NWFILTER_DELETE) },
    { ON_NWFILTER(NWFILTER_GET_XML_DESC, get_xml), MAY(NWFILTER_READ) },
    { 0 },
};
