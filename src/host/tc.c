/* How fast a link sends: a token bucket filter (tc-tbf(8)) at its root, through rtnetlink. It is
 * known as ours by its handle. Every call is a few short requests to the kernel. */
#include <net/if.h>
#include <netlink/route/link.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/tbf.h>
#include <netlink/route/tc.h>
#include <string.h>

#include "host.h"

typedef struct nl_sock NlSock;
typedef struct rtnl_link NlLink;
typedef struct rtnl_qdisc NlQdisc;
typedef struct nl_cache NlCache;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlSock, nl_socket_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlLink, rtnl_link_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlQdisc, rtnl_qdisc_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlCache, nl_cache_free)

#define OUR_HANDLE TC_HANDLE(0x766d, 0)

#define BUCKET_LEAST (32 * 1024)
#define BUCKET_SHARE 100 /* of a second's bytes */
#define QUEUE_SHARE  20  /* of a second's bytes wait at most, above what the bucket lets by */
#define QUEUE_LEAST  (64 * 1024) /* one piece of TCP that the host has not cut yet */
#define RATE_MOST    G_MAXINT32  /* bytes a second, as libnl counts them */
#define HEADERS_MOST 64          /* of the link, beside its MTU */

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

static NlQdisc *
qdisc_new(int index)
{
    NlQdisc *q = rtnl_qdisc_alloc();

    rtnl_tc_set_ifindex(TC_CAST(q), index);
    rtnl_tc_set_parent(TC_CAST(q), TC_H_ROOT);
    rtnl_tc_set_handle(TC_CAST(q), OUR_HANDLE);
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
    *ret_found = q && g_strcmp0(rtnl_tc_get_kind(TC_CAST(q)), "tbf") == 0;
    return TRUE;
}

/* A packet that is larger than a bucket never goes. */
static int
bucket_for(guint64 asked, guint64 rate, guint mtu)
{
    guint64 bucket = asked ? asked : MAX(rate / BUCKET_SHARE, BUCKET_LEAST);

    return (int)CLAMP(bucket, mtu + HEADERS_MOST, RATE_MOST);
}

static void
set_rates(NlQdisc *q, const LinkRate *rate, guint mtu)
{
    int bucket = bucket_for(rate->burst, rate->rate, mtu);
    guint64 queue = (guint64)bucket + MAX(rate->rate / QUEUE_SHARE, QUEUE_LEAST);

    rtnl_tc_set_kind(TC_CAST(q), "tbf");
    rtnl_qdisc_tbf_set_rate(q, (int)rate->rate, bucket, 0);
    if (rate->peak > rate->rate)
        rtnl_qdisc_tbf_set_peakrate(q, (int)rate->peak, bucket_for(0, rate->peak, mtu), 0);
    rtnl_qdisc_tbf_set_limit(q, (int)MIN(queue, RATE_MOST));
}

static gboolean
put(NlSock *sock, const char *name, NlLink *link, const LinkRate *rate, gboolean again,
    GError **err)
{
    g_autoptr(NlQdisc) q = qdisc_new(rtnl_link_get_ifindex(link));
    int rc;

    if (MAX(rate->rate, rate->peak) > RATE_MOST)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "link '%s' cannot be held to more than %d kilobytes a second", name,
                    RATE_MOST / 1000);
    set_rates(q, rate, rtnl_link_get_mtu(link));
    rc = rtnl_qdisc_add(sock, q, again ? NLM_F_REPLACE : NLM_F_CREATE | NLM_F_EXCL);
    if (rc == -NLE_EXIST)
        return fail(err, ERR_OPERATION_FAILED,
                    "link '%s' has a queueing discipline of somebody's own, which stays: remove it "
                    "(tc qdisc del dev %s root) or the limit",
                    name, name);
    return rc >= 0 || fail(err, ERR_SYSTEM, "cannot limit what link '%s' sends (tc-tbf): %s", name,
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
    if ((rc = rtnl_link_get_kernel(sock, 0, name, &link)) < 0)
        return (!rate && !link_exists(name)) ||
               fail(err, ERR_SYSTEM, "cannot find link '%s': %s", name, nl_geterror(rc));
    if (!find_ours(sock, rtnl_link_get_ifindex(link), &found, err))
        return FALSE;
    if (rate)
        return put(sock, name, link, rate, found, err);
    if (!found)
        return TRUE;
    ours = qdisc_new(rtnl_link_get_ifindex(link));
    rc = rtnl_qdisc_delete(sock, ours);
    return rc >= 0 || rc == -NLE_OBJ_NOTFOUND ||
           fail(err, ERR_SYSTEM, "cannot lift the limit of link '%s': %s", name, nl_geterror(rc));
}
