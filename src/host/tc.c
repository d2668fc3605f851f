/* How fast a link sends: token buckets (tc-htb(8)) at its root with one class for all, where
 * clients of libvirt look for them, through rtnetlink. They are known as ours by their handle.
 * Every call is a few short requests to the kernel. */
#include <net/if.h>
#include <netlink/route/class.h>
#include <netlink/route/link.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/fifo.h>
#include <netlink/route/qdisc/htb.h>
#include <netlink/route/tc.h>
#include <string.h>

#include "host.h"

typedef struct nl_sock NlSock;
typedef struct rtnl_link NlLink;
typedef struct rtnl_qdisc NlQdisc;
typedef struct rtnl_class NlClass;
typedef struct nl_cache NlCache;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlSock, nl_socket_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlLink, rtnl_link_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlQdisc, rtnl_qdisc_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlClass, rtnl_class_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlCache, nl_cache_free)

#define OUR_HANDLE TC_HANDLE(0x766d, 0)
#define OUR_CLASS  TC_HANDLE(0x766d, 1)
#define OUR_QUEUE  TC_HANDLE(0x766e, 0)

#define BUCKET_LEAST (32 * 1024)
#define BUCKET_SHARE 100          /* of a second's bytes */
#define QUEUE_SHARE  20           /* of a second's bytes wait at most */
#define QUEUE_LEAST  (256 * 1024) /* some pieces of TCP that the host has not cut yet */
#define RATE_MOST    G_MAXINT32   /* bytes a second, as libnl counts them */
#define HEADERS_MOST 64           /* of the link, beside its MTU */

static NlSock *
route_open(GError **err)
{
    g_autoptr(NlSock) sock = nl_socket_alloc();
    int rc = nl_connect(sock, NETLINK_ROUTE);

    if (rc < 0) {
        fail(err, ERR_SYSTEM, "cannot reach the kernel's traffic control: %s", nl_geterror(rc));
        return NULL;
    }
    return g_steal_pointer(&sock);
}

static void
place(struct rtnl_tc *tc, NlLink *link, guint32 parent, guint32 handle, const char *kind)
{
    rtnl_tc_set_link(tc, link);
    rtnl_tc_set_parent(tc, parent);
    rtnl_tc_set_handle(tc, handle);
    rtnl_tc_set_kind(tc, kind);
}

static NlQdisc *
root_new(NlLink *link)
{
    NlQdisc *q = rtnl_qdisc_alloc();

    place(TC_CAST(q), link, TC_H_ROOT, OUR_HANDLE, "htb");
    rtnl_htb_set_defcls(q, TC_H_MIN(OUR_CLASS));
    return q;
}

static gboolean
find_ours(NlSock *sock, int index, gboolean *ret_found, GError **err)
{
    g_autoptr(NlCache) all = NULL;
    g_autoptr(NlQdisc) q = NULL;
    int rc = rtnl_qdisc_alloc_cache(sock, &all);

    if (rc < 0)
        return fail(err, ERR_SYSTEM, "cannot list the host's queues: %s", nl_geterror(rc));
    q = rtnl_qdisc_get(all, index, OUR_HANDLE);
    *ret_found = q && g_strcmp0(rtnl_tc_get_kind(TC_CAST(q)), "htb") == 0;
    return TRUE;
}

/* A packet that is larger than a bucket never goes. */
static int
bucket_for(guint64 asked, guint64 rate, guint mtu)
{
    guint64 bucket = asked ? asked : MAX(rate / BUCKET_SHARE, BUCKET_LEAST);

    return (int)CLAMP(bucket, mtu + HEADERS_MOST, RATE_MOST);
}

static int
put_class(NlSock *sock, NlLink *link, const LinkRate *rate)
{
    g_autoptr(NlClass) c = rtnl_class_alloc();
    guint mtu = rtnl_link_get_mtu(link);
    guint64 peak = MAX(rate->peak, rate->rate);

    place(TC_CAST(c), link, OUR_HANDLE, OUR_CLASS, "htb");
    rtnl_htb_set_rate(c, (guint32)rate->rate);
    rtnl_htb_set_ceil(c, (guint32)peak);
    rtnl_htb_set_rbuffer(c, (guint32)bucket_for(rate->burst, rate->rate, mtu));
    rtnl_htb_set_cbuffer(c, (guint32)bucket_for(0, peak, mtu));
    return rtnl_class_add(sock, c, NLM_F_CREATE);
}

/* The queue is bounded by time, whatever the length of the link's own queue. */
static int
put_queue(NlSock *sock, NlLink *link, const LinkRate *rate)
{
    g_autoptr(NlQdisc) q = rtnl_qdisc_alloc();
    guint64 most = MAX(rate->rate / QUEUE_SHARE, QUEUE_LEAST);

    place(TC_CAST(q), link, OUR_CLASS, OUR_QUEUE, "bfifo");
    rtnl_qdisc_fifo_set_limit(q, (int)MIN(most, RATE_MOST));
    return rtnl_qdisc_add(sock, q, NLM_F_CREATE | NLM_F_REPLACE);
}

/* there: it has a limit of ours. */
static gboolean
put(NlSock *sock, const char *name, NlLink *link, const LinkRate *rate, gboolean there,
    GError **err)
{
    g_autoptr(NlQdisc) root = root_new(link);
    int rc = there ? 0 : rtnl_qdisc_add(sock, root, NLM_F_CREATE | NLM_F_EXCL);

    if (rc == -NLE_EXIST)
        return fail(
            err, ERR_OPERATION_FAILED,
            "link '%s' has a queueing discipline that vmd did not set and leaves alone: remove it "
            "(tc qdisc del dev %s root) or the limit",
            name, name);
    if (rc >= 0 && (rc = put_class(sock, link, rate)) >= 0 &&
        (rc = put_queue(sock, link, rate)) >= 0)
        return TRUE;
    if (!there)
        rtnl_qdisc_delete(sock, root);
    return fail(err, ERR_SYSTEM, "cannot limit what link '%s' sends (tc-htb): %s", name,
                nl_geterror(rc));
}

gboolean
link_limit_rate(const char *name, const LinkRate *rate, GError **err)
{
    g_autoptr(NlSock) sock = route_open(err);
    g_autoptr(NlLink) link = NULL;
    g_autoptr(NlQdisc) ours = NULL;
    gboolean found;
    int rc;

    if (!sock)
        return FALSE;
    if (rate && MAX(rate->rate, rate->peak) > RATE_MOST)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "link '%s' cannot be held to more than %d kilobytes a second", name,
                    RATE_MOST / 1000);
    if ((rc = rtnl_link_get_kernel(sock, 0, name, &link)) < 0)
        return (!rate && !link_exists(name)) ||
               fail(err, ERR_SYSTEM, "cannot find link '%s': %s", name, nl_geterror(rc));
    if (!find_ours(sock, rtnl_link_get_ifindex(link), &found, err))
        return FALSE;
    if (rate)
        return put(sock, name, link, rate, found, err);
    if (!found)
        return TRUE;
    ours = root_new(link);
    rc = rtnl_qdisc_delete(sock, ours);
    return rc >= 0 || rc == -NLE_OBJ_NOTFOUND ||
           fail(err, ERR_SYSTEM, "cannot lift the limit of link '%s': %s", name, nl_geterror(rc));
}

/* ---- what is there */

static gboolean
queue_is_there(NlSock *sock, int index)
{
    g_autoptr(NlCache) all = NULL;
    g_autoptr(NlQdisc) root = NULL, queue = NULL;

    if (rtnl_qdisc_alloc_cache(sock, &all) < 0)
        return FALSE;
    root = rtnl_qdisc_get(all, index, OUR_HANDLE);
    queue = rtnl_qdisc_get(all, index, OUR_QUEUE);
    return root && queue && g_strcmp0(rtnl_tc_get_kind(TC_CAST(root)), "htb") == 0;
}

/* Buckets are not compared: the kernel counts them in a unit of its own. */
gboolean
link_has_rate(const char *name, const LinkRate *rate)
{
    g_autoptr(NlSock) sock = route_open(NULL);
    g_autoptr(NlCache) all = NULL;
    g_autoptr(NlClass) c = NULL;
    int index = (int)if_nametoindex(name);

    if (!sock || !index || !queue_is_there(sock, index) ||
        rtnl_class_alloc_cache(sock, index, &all) < 0)
        return FALSE;
    c = rtnl_class_get(all, index, OUR_CLASS);
    return c && rtnl_htb_get_rate(c) == rate->rate &&
           rtnl_htb_get_ceil(c) == MAX(rate->peak, rate->rate);
}
