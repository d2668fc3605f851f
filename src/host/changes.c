/* What the kernel tells of changes to links, addresses, routes, queues, forwarding and the packet
 * filter. A message is a reason to look, and nothing more: whoever hears it looks at the host
 * itself. */
#include "host.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

#define GROUP(number) (1u << ((number)-1))
#define NAME_LEN      256

typedef struct Ear {
    int fd;
    guint source;
    guint what; /* HostChange */
    HostWatch *watch;
} Ear;

struct HostWatch {
    Ear links, rules;
    HostChanged heard;
    gpointer user;
};

/* The first attribute of all messages of nf_tables with the number 1 is the table's name. */
static const char *
table_of(const struct nlmsghdr *h, char ret_name[NAME_LEN])
{
    const guint8 *at = (const guint8 *)NLMSG_DATA(h) + NLMSG_ALIGN(sizeof(struct nfgenmsg));
    const guint8 *end = (const guint8 *)h + h->nlmsg_len;
    enum { TABLE_NAME = 1 };

    while (at + NLA_HDRLEN <= end) {
        const struct nlattr *a = (const struct nlattr *)at;
        if (a->nla_len < NLA_HDRLEN || at + a->nla_len > end)
            return NULL;
        if ((a->nla_type & NLA_TYPE_MASK) == TABLE_NAME) {
            gsize len = MIN((gsize)a->nla_len - NLA_HDRLEN, (gsize)NAME_LEN - 1);
            memcpy(ret_name, at + NLA_HDRLEN, len);
            ret_name[len] = '\0';
            return ret_name;
        }
        at += NLA_ALIGN(a->nla_len);
    }
    return NULL;
}

static void
say(const Ear *ear, HostChange what, const char *table, guint link)
{
    const HostNews news = { what, table, link };

    ear->watch->heard(&news, ear->watch->user);
}

static guint
route_link(const struct nlmsghdr *h)
{
    struct nlattr *oif = nlmsg_find_attr((struct nlmsghdr *)h, sizeof(struct rtmsg), RTA_OIF);

    return oif && nla_len(oif) >= 4 ? nla_get_u32(oif) : 0;
}

/* What takes the place of a route may lead by another link than that did. */
static void
hear_links(const Ear *ear, const char *message, int len)
{
    struct nlmsghdr *h = (struct nlmsghdr *)message;
    gboolean links = FALSE;

    for (; nlmsg_ok(h, len); h = nlmsg_next(h, &len))
        switch (h->nlmsg_type) {
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
            say(ear, CHANGED_ROUTES, NULL, h->nlmsg_flags & NLM_F_REPLACE ? 0 : route_link(h));
            break;
        case RTM_NEWQDISC:
        case RTM_DELQDISC:
        case RTM_NEWTCLASS:
        case RTM_DELTCLASS:
            if (nlmsg_datalen(h) >= (int)sizeof(struct tcmsg))
                say(ear, CHANGED_QUEUES, NULL,
                    (guint)((const struct tcmsg *)nlmsg_data(h))->tcm_ifindex);
            break;
        default:
            links = TRUE;
        }
    if (links)
        say(ear, CHANGED_LINKS, NULL, 0);
}

static void
hear_rules(const Ear *ear, const char *message, int len)
{
    struct nlmsghdr *h = (struct nlmsghdr *)message;
    char name[NAME_LEN];

    for (; nlmsg_ok(h, len); h = nlmsg_next(h, &len)) {
        const char *table = table_of(h, name);
        if (table) /* what ends a transaction names none */
            say(ear, CHANGED_RULES, table, 0);
    }
}

/* There was more to tell than was listened to. */
static void
say_all(const Ear *ear)
{
    say(ear, ear->what, NULL, 0);
    if (ear->what == CHANGED_RULES)
        return;
    say(ear, CHANGED_ROUTES, NULL, 0);
    say(ear, CHANGED_QUEUES, NULL, 0);
}

static gboolean
on_message(gint fd, GIOCondition condition, gpointer user)
{
    const Ear *ear = user;
    char message[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
    gssize len;

    for (int i = 0; i < 64; i++) {
        len = recv(fd, message, sizeof message, MSG_DONTWAIT);
        if (len < 0 && errno == ENOBUFS)
            say_all(ear);
        if (len <= 0)
            break;
        if (ear->what == CHANGED_RULES)
            hear_rules(ear, message, (int)len);
        else
            hear_links(ear, message, (int)len);
    }
    return G_SOURCE_CONTINUE;
}

static void
ear_open(HostWatch *w, Ear *ear, guint what, int protocol, guint groups)
{
    struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = groups };

    *ear = (Ear){ .what = what, .watch = w };
    ear->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (ear->fd < 0 || bind(ear->fd, (struct sockaddr *)&address, sizeof address) < 0) {
        log_warning("changes of the host's %s are not heard of: %s",
                    what == CHANGED_RULES ? "packet filter" : "links", g_strerror(errno));
        fd_close(&ear->fd);
        return;
    }
    ear->source = g_unix_fd_add(ear->fd, G_IO_IN, on_message, ear);
}

static void
ear_close(Ear *ear)
{
    g_clear_handle_id(&ear->source, g_source_remove);
    fd_close(&ear->fd);
}

HostWatch *
host_watch_new(HostChanged heard, gpointer user)
{
    static const guint links = GROUP(RTNLGRP_LINK) | GROUP(RTNLGRP_IPV4_IFADDR) |
                               GROUP(RTNLGRP_IPV6_IFADDR) | GROUP(RTNLGRP_IPV4_NETCONF) |
                               GROUP(RTNLGRP_IPV6_NETCONF) | GROUP(RTNLGRP_IPV4_ROUTE) |
                               GROUP(RTNLGRP_IPV6_ROUTE) | GROUP(RTNLGRP_TC);
    HostWatch *w = g_new0(HostWatch, 1);

    w->heard = heard;
    w->user = user;
    ear_open(w, &w->links, CHANGED_LINKS, NETLINK_ROUTE, links);
    ear_open(w, &w->rules, CHANGED_RULES, NETLINK_NETFILTER, GROUP(NFNLGRP_NFTABLES));
    return w;
}

void
host_watch_free(HostWatch *w)
{
    if (!w)
        return;
    ear_close(&w->links);
    ear_close(&w->rules);
    g_free(w);
}
